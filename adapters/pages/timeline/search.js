// Search and filters: which entries are shown, and the way from one match to the next.

const query = document.getElementById("query");
const found = document.getElementById("found");

function filter() {
  page.query = query.value.trim().toLowerCase();
  const words = page.query.split(/\s+/).filter(Boolean);
  page.shown = [];
  entries.forEach((entry, index) => {
    if (page.kinds.has(entry.kind) && words.every((word) => searchable[index].includes(word))) page.shown.push(index);
  });
  page.matching = new Set(page.shown);
  tellFound();
  drawList(); // before anything is revealed: the list has another length now
  revealInList();
  redraw();
}

function tellFound() {
  const position = page.shown.indexOf(page.selected);
  const total = page.shown.length.toLocaleString("en");
  if (page.query === "") found.textContent = "";
  else if (!page.shown.length) found.textContent = "no match";
  else found.textContent = position < 0 ? `${total} found` : `${position + 1} of ${total}`;
}

function jump(step) {
  if (!page.shown.length) return;
  const present = page.shown.indexOf(page.selected);
  const next = present < 0 ? (step > 0 ? 0 : page.shown.length - 1) : (present + step + page.shown.length) % page.shown.length;
  select(page.shown[next]);
  tellFound();
}

query.addEventListener("input", filter);
query.addEventListener("keydown", (event) => {
  if (event.key === "Enter") jump(event.shiftKey ? -1 : 1);
  else if (event.key === "Escape") {
    query.value = "";
    filter();
    scroller.focus();
  } else return;
  event.preventDefault();
});
document.getElementById("next").addEventListener("click", () => jump(1));
document.getElementById("previous").addEventListener("click", () => jump(-1));

function makeKinds() {
  for (const [kind, title] of KINDS) {
    if (!counts.has(kind)) continue;
    const made = element("button");
    made.type = "button";
    made.dataset.kind = kind;
    made.setAttribute("aria-pressed", "true");
    made.append(icon(kind), title, element("small", counts.get(kind).toLocaleString("en")));
    made.addEventListener("click", () => {
      if (page.kinds.has(kind)) page.kinds.delete(kind);
      else page.kinds.add(kind);
      made.setAttribute("aria-pressed", String(page.kinds.has(kind)));
      filter();
    });
    document.getElementById("kinds").append(made);
  }
}
