// The keyboard: everything that the pointer can do. The keys are listed at the foot of the page.

function nextMark(step) {
  const marked = page.shown.filter((index) => MARKED.has(entries[index].kind));
  if (!marked.length) return;
  const present = marked.indexOf(page.selected);
  const next = present < 0 ? (step > 0 ? 0 : marked.length - 1) : Math.min(Math.max(present + step, 0), marked.length - 1);
  select(marked[next]);
  const { at_ms, sequence, what, because } = entries[marked[next]];
  const lines = [["b", what], ["span", because ? `← ${because}` : ""], ["span", `${clockOf(at_ms)}  #${sequence}`]];
  showTip(lines, xOf(at_ms), topOf(page.row) + ROW / 2 + axisCanvas.clientHeight);
}

function moveRow(step) {
  page.row = Math.min(Math.max(page.row + step, 0), rows.length - 1);
  revealRow();
  const row = rows[page.row];
  const state = row.lane ? row.lane.intervals.map((one) => one.state).pop() : "";
  scroller.setAttribute("aria-label", `Lanes of pods over time: ${row.label}${state ? `, ${state} at the end` : ""}`);
  redraw();
}

const KEYS = {
  ArrowLeft: () => pan(-0.1),
  ArrowRight: () => pan(0.1),
  ArrowUp: () => moveRow(-1),
  ArrowDown: () => moveRow(1),
  PageUp: () => moveRow(-Math.floor(scroller.clientHeight / ROW)),
  PageDown: () => moveRow(Math.floor(scroller.clientHeight / ROW)),
  Home: () => show(whole.from - margin, whole.from - margin + page.to - page.from),
  End: () => show(whole.to + margin - (page.to - page.from), whole.to + margin),
  "+": () => zoom(0.6),
  "=": () => zoom(0.6),
  "-": () => zoom(1 / 0.6),
  0: fit,
  n: () => nextMark(1),
  p: () => nextMark(-1),
  Enter: () => { toggleGroup(rows[page.row]); redraw(); },
  " ": () => { toggleGroup(rows[page.row]); redraw(); },
  Escape: () => { hideTip(); select(-1); },
};

scroller.addEventListener("keydown", (event) => {
  const act = KEYS[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});
scroller.addEventListener("blur", hideTip);

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target === query) return;
  event.preventDefault();
  query.focus();
  query.select();
});
