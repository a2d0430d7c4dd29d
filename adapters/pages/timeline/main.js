// Put the parts together: head, buttons, theme, first drawing.

const THEMES = ["", "light", "dark"];
const remembered = { // a page from a file may have no storage
  get: () => { try { return localStorage.getItem("lws-events-theme") || ""; } catch { return ""; } },
  set: (theme) => { try { localStorage.setItem("lws-events-theme", theme); } catch { /* it lasts as long as the page */ } },
};

function useTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  document.getElementById("theme-name").textContent = theme || "auto";
  repaint();
}

function repaint() {
  palette.clear();
  for (const made of document.querySelectorAll("#kinds canvas")) drawIcon(made, made.parentElement.dataset.kind);
  drawList();
  redraw();
}

function tellHead() {
  document.getElementById("title").textContent = data.title;
  document.getElementById("span").textContent =
    `${timestamp(data.from_ms)} – ${timestamp(data.to_ms)} (${duration(data.to_ms - data.from_ms)})`;
  const plural = (count, one) => [count.toLocaleString("en"), count === 1 ? one : `${one}s`];
  const lives = data.pods.reduce((sum, lane) => sum + new Set(lane.intervals.map((each) => each.life)).size, 0);
  const facts = [
    plural(ordered.length, "group"), plural(lives, "pod"), plural(counts.get("restart") || 0, "restart"),
    plural(counts.get("failure") || 0, "failure"), [entries.length.toLocaleString("en"), entries.length === 1 ? "entry" : "entries"],
  ];
  for (const [count, name] of facts) {
    const item = element("li");
    item.append(element("b", count), element("span", name));
    document.getElementById("facts").append(item);
  }
}

function nameGroupsButton(allOpen) {
  document.getElementById("groups").textContent = allOpen ? "Close all" : "Open all";
}

document.getElementById("legend").textContent = "time, UTC";
tellHead();
makeKinds();
openAtFirst();
layOut();
nameGroupsButton(ordered.every((group) => opened.has(group.name)));
useTheme(remembered.get());
drawDetails(null);
filter();
fit();

document.getElementById("theme").addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme || "") + 1) % THEMES.length];
  remembered.set(next);
  useTheme(next);
});
document.getElementById("groups").addEventListener("click", () => {
  nameGroupsButton(toggleAll());
  redraw();
});
document.getElementById("in").addEventListener("click", () => zoom(0.6));
document.getElementById("out").addEventListener("click", () => zoom(1 / 0.6));
document.getElementById("fit").addEventListener("click", fit);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
new ResizeObserver(() => { drawList(); redraw(); }).observe(scroller);
new ResizeObserver(drawList).observe(list);
