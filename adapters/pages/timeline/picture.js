// The lanes: only what is visible is drawn, so that the size of the journal does not matter.

const ROW = 24;
const SPAN_MS_MIN = 5;
const APART = 15; // marks that are nearer to each other become one, with a number

const scroller = document.getElementById("scroller");
const lanesCanvas = document.getElementById("lanes");
const axisCanvas = document.getElementById("axis");
const labels = document.getElementById("labels");
const spacer = document.getElementById("spacer");

const whole = { from: data.from_ms, to: Math.max(data.to_ms, data.from_ms + SPAN_MS_MIN) };
const margin = (whole.to - whole.from) * 0.02;
let drawn = { marks: [], bars: [] }; // what the pointer can find
let pointerX = null;
let asked = false;

const left = () => labels.offsetWidth;
const breadth = () => Math.max(scroller.clientWidth - left(), 1);
const xOf = (ms) => left() + ((ms - page.from) / (page.to - page.from)) * breadth();
const timeAt = (x) => page.from + ((x - left()) / breadth()) * (page.to - page.from);

function show(from, to) {
  const span = Math.min(Math.max(to - from, SPAN_MS_MIN), whole.to - whole.from + 2 * margin);
  const start = Math.min(Math.max(from, whole.from - margin), whole.to + margin - span);
  page.from = start;
  page.to = start + span;
  redraw();
}

// What stays where it is when buttons and keys zoom: the chosen entry, if it can be seen.
function anchor() {
  const chosen = entries[page.selected];
  return chosen && chosen.at_ms >= page.from && chosen.at_ms <= page.to ? chosen.at_ms : (page.from + page.to) / 2;
}

function zoom(factor, around = anchor()) {
  const span = Math.max((page.to - page.from) * factor, SPAN_MS_MIN);
  const share = (around - page.from) / (page.to - page.from);
  show(around - span * share, around + span * (1 - share));
}

const pan = (share) => show(page.from + (page.to - page.from) * share, page.to + (page.to - page.from) * share);
const fit = () => show(whole.from - margin, whole.to + margin);

function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    drawAll();
  });
}

function drawAll() {
  spacer.style.height = `${Math.max(rows.length * ROW - scroller.clientHeight, 0)}px`;
  const marks = ticks(page.from, page.to, breadth(), 110);
  drawAxis(marks);
  const { pen, width, height } = prepared(lanesCanvas);
  const first = Math.floor(scroller.scrollTop / ROW);
  const last = Math.min(rows.length - 1, Math.floor((scroller.scrollTop + height) / ROW));
  drawn = { marks: [], bars: [] };
  for (let index = first; index <= last; index++) drawGround(pen, rows[index], index, width);
  pen.fillStyle = colour("line");
  for (const tick of marks) pen.fillRect(Math.round(xOf(tick.at)), 0, 1, height);
  for (let index = first; index <= last; index++) drawBars(pen, rows[index], index);
  for (let index = first; index <= last; index++) drawTrails(pen, rows[index], index);
  for (let index = first; index <= last; index++) drawMarks(pen, rows[index], index);
  if (pointerX !== null) {
    pen.fillStyle = colour("quiet");
    pen.fillRect(Math.round(pointerX), 0, 1, height);
  }
  drawLabels(first, last);
  drawOverview();
}

function drawAxis(marks) {
  const { pen, width, height } = prepared(axisCanvas);
  const offset = left();
  pen.fillStyle = colour("quiet");
  for (const tick of marks) {
    const x = Math.round(xOf(tick.at) - offset);
    pen.fillRect(x, height - 6, 1, 6);
    const length = pen.measureText(tick.text).width;
    if (x - length / 2 > 0 && x + length / 2 < width) pen.fillText(tick.text, x - length / 2, height / 2 - 2);
  }
  if (pointerX === null) return;
  const text = clockOf(timeAt(pointerX));
  const length = pen.measureText(text).width;
  const x = Math.min(Math.max(pointerX - offset, length / 2 + 6), width - length / 2 - 6);
  pen.fillStyle = colour("ink");
  pen.fillRect(x - length / 2 - 6, 3, length + 12, 20);
  pen.fillStyle = colour("paper");
  pen.fillText(text, x - length / 2, 13.5);
}

const topOf = (index) => index * ROW - scroller.scrollTop;

function drawGround(pen, row, index, width) {
  if (index === page.row) pen.fillStyle = colour("focus");
  else if (row.type === "pod") return;
  else pen.fillStyle = colour("stripe");
  pen.fillRect(left(), topOf(index), width, ROW);
}

function drawBars(pen, row, index) {
  if (!row.lane) return;
  const thick = row.type === "group" ? 16 : row.type === "pod" ? 12 : 8;
  const top = topOf(index) + (ROW - thick) / 2;
  const edgeLeft = left(), edgeRight = scroller.clientWidth;
  for (const one of row.lane.intervals) {
    const end = one.to_ms === null ? data.to_ms : one.to_ms;
    if (end < page.from || one.from_ms > page.to) continue;
    const from = Math.max(xOf(one.from_ms), edgeLeft - 4);
    const to = Math.min(Math.max(xOf(end), from + 1.5), edgeRight + 4);
    const name = STATE_COLOURS.get(one.state) || "succeeded";
    drawBar(pen, { from, to, top, thick, name, open: one.to_ms === null, edges: [edgeLeft, edgeRight] });
    drawBarText(pen, row, one, { from: Math.max(from, edgeLeft), to, middle: top + thick / 2 });
    drawn.bars.push({ from, to, top, bottom: top + thick, row, interval: one });
  }
}

function drawBarText(pen, row, interval, { from, to, middle }) {
  if (row.type === "condition" || to - from < 46) return;
  const detail = row.type === "pod" && interval.detail ? ` on ${interval.detail}` : "";
  const room = to - from - 24;
  const text = [interval.state + detail, interval.state].find((one) => pen.measureText(one).width < room);
  if (!text) return;
  pen.fillStyle = colour("ink");
  pen.globalAlpha = 0.82;
  pen.fillText(text, from + 12, middle + 0.5);
  pen.globalAlpha = 1;
}

// From a decision about a group down through its pods, so that the eye finds what it took along.
function drawTrails(pen, row, index) {
  if (row.type !== "group" || !row.open || !page.kinds.has("restart")) return;
  pen.save();
  pen.strokeStyle = markColour("restart");
  pen.globalAlpha = 0.55;
  pen.setLineDash([3, 3]);
  for (const one of row.marks) {
    if (entries[one].kind !== "restart") continue;
    const x = Math.round(xOf(entries[one].at_ms)) + 0.5;
    if (x < left()) continue;
    pen.beginPath();
    pen.moveTo(x, topOf(index) + ROW / 2);
    pen.lineTo(x, topOf(index + 1 + row.group.pods.length) - 4);
    pen.stroke();
  }
  pen.restore();
}

function drawMarks(pen, row, index) {
  const y = topOf(index) + ROW / 2;
  const radius = row.type === "pod" ? 4.5 : 5.5;
  for (const stack of stacked(row.marks)) {
    const kind = entries[stack.top].kind;
    const faint = page.query !== "" && !stack.members.some((one) => page.matching.has(one));
    const ring = stack.members.includes(page.selected);
    drawMark(pen, kind, stack.x, y, radius, { faint, ring });
    if (stack.members.length > 1) {
      pen.fillStyle = faint ? colour("quiet") : markColour(kind);
      pen.font = pen.font.replace(/^\d+px/, "9px");
      pen.fillText(String(stack.members.length), stack.x + radius + 2, y - radius);
      pen.font = pen.font.replace(/^\d+px/, "11px");
    }
    drawn.marks.push({ x: stack.x, y, members: stack.members });
  }
}

function stacked(marks) {
  const stacks = [];
  for (const one of marks) {
    const entry = entries[one];
    if (!page.kinds.has(entry.kind) || entry.at_ms < page.from || entry.at_ms > page.to) continue;
    const x = xOf(entry.at_ms);
    const before = stacks[stacks.length - 1];
    if (before && x - before.x < APART) {
      before.members.push(one);
      if (one === page.selected || (before.top !== page.selected && WEIGHT.get(entry.kind) < WEIGHT.get(entries[before.top].kind))) before.top = one;
    } else stacks.push({ x, top: one, members: [one] });
  }
  return stacks;
}
