// All entries as text: what the picture shows, for those who read. Only the visible items exist.

const ITEM = 26;
const list = document.getElementById("list");
const items = document.getElementById("items");
const itemPool = [];

function drawList() {
  items.style.height = `${page.shown.length * ITEM}px`;
  const first = Math.floor(list.scrollTop / ITEM);
  const last = Math.min(page.shown.length - 1, Math.ceil((list.scrollTop + list.clientHeight) / ITEM));
  for (let slot = 0; slot <= last - first; slot++) {
    if (!itemPool[slot]) itemPool[slot] = newItem();
    fillItem(itemPool[slot], first + slot);
  }
  for (let slot = Math.max(last - first + 1, 0); slot < itemPool.length; slot++) itemPool[slot].hidden = true;
}

function newItem() {
  const made = element("div", undefined, "item");
  made.setAttribute("role", "option");
  for (const [tag, name] of [["time"], ["span", "sequence"], ["canvas"], ["span", "who"], ["span", "what"], ["span", "because"]]) {
    made.append(element(tag, undefined, name));
  }
  made.addEventListener("click", () => select(Number(made.dataset.entry)));
  return items.appendChild(made);
}

function fillItem(made, position) {
  const index = page.shown[position];
  const entry = entries[index];
  const [time, sequence, shape, who, what, because] = made.children;
  made.hidden = false;
  made.id = `entry-${index}`;
  made.dataset.entry = index;
  made.style.top = `${position * ITEM}px`;
  made.setAttribute("aria-selected", String(index === page.selected));
  made.setAttribute("aria-posinset", position + 1);
  made.setAttribute("aria-setsize", page.shown.length);
  time.textContent = clockOf(entry.at_ms);
  time.dateTime = time.title = timestamp(entry.at_ms);
  sequence.textContent = `#${entry.sequence}`;
  drawIcon(shape, entry.kind);
  who.textContent = entry.group ? `group ${entry.group}` : "set";
  what.textContent = what.title = entry.what;
  because.textContent = entry.because ? `← ${entry.because}` : "";
}

function revealInList() {
  const position = page.shown.indexOf(page.selected);
  if (position >= 0) {
    const top = position * ITEM;
    if (top < list.scrollTop || top + ITEM > list.scrollTop + list.clientHeight) {
      list.scrollTop = top - (list.clientHeight - ITEM) / 2;
    }
    list.setAttribute("aria-activedescendant", `entry-${page.selected}`);
  } else list.removeAttribute("aria-activedescendant");
  drawList();
}

function moveInList(step) {
  if (!page.shown.length) return;
  const present = page.shown.indexOf(page.selected);
  const next = present < 0 ? (step > 0 ? 0 : page.shown.length - 1) : Math.min(Math.max(present + step, 0), page.shown.length - 1);
  select(page.shown[next]);
}

list.addEventListener("scroll", drawList, { passive: true });
list.addEventListener("keydown", (event) => {
  const far = Math.max(Math.floor(list.clientHeight / ITEM) - 1, 1);
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: far, PageUp: -far, Home: -Infinity, End: Infinity }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  moveInList(step);
});
