// The lives of groups and pods as bars over time, drawn with the shapes of the timeline page. What is told here by
// shape and colour, the list of entries beside it tells in words.

import { colour, drawBar, drawMark, duration, MARKED, prepared, STATE_COLOURS, ticks, timestamp, WEIGHT } from "/ui/static/drawing.js";
import { hideTip, make, naturally, showTip } from "/ui/static/dom.js";

const ROW = 24, AXIS = 24, APART = 14, SPAN_MS_MIN = 20;

export class Lanes {
  // `pick(ms)`: a moment was chosen; `open(group)`: a group was.
  constructor({ pick, open }) {
    this.pick = pick;
    this.open = open;
    this.rows = [];
    this.whole = { from: 0, to: 1 };
    this.view = null; // null: everything, also what comes
    this.at = null;
    this.asked = false;
    this.canvas = make("canvas", { className: "lanes-canvas", "aria-hidden": "true" });
    this.labels = make("div", { className: "lanes-labels" });
    this.spacer = make("div");
    this.root = make("div", {
      className: "lanes", tabindex: "0", role: "application", "aria-label": "Lanes of groups and pods over time",
      "aria-describedby": "lanes-keys",
      on: {
        scroll: () => this.redraw(), keydown: (event) => this.key(event), click: (event) => this.click(event),
        wheel: (event) => this.wheel(event), pointermove: (event) => this.hover(event), pointerleave: hideTip,
      },
    }, make("div", { className: "lanes-stage" }, this.canvas, this.labels), this.spacer);
    new ResizeObserver(() => this.redraw()).observe(this.root);
  }

  show({ picture, entries, group, at }) {
    this.whole = { from: picture.from_ms, to: Math.max(picture.to_ms, picture.from_ms + SPAN_MS_MIN) };
    this.at = at;
    const marks = new Map();
    for (const entry of entries) {
      if (!MARKED.has(entry.kind)) continue;
      const pods = group !== null && entry.pod && picture.pods.some((lane) => lane.name === entry.pod);
      const key = !entry.group ? "set" : pods ? `pod/${entry.pod}` : `group/${entry.group}`;
      if (!marks.has(key)) marks.set(key, []);
      marks.get(key).push(entry);
    }
    const row = (type, lane, label) => ({ type, label, lane, marks: marks.get(type === "set" ? "set" : `${type}/${lane.name}`) || [] });
    const by = (lanes) => [...lanes].sort((one, two) => naturally.compare(one.name, two.name));
    this.rows = group === null
      ? [row("set", { name: "set", intervals: [] }, "set"), ...by(picture.groups).map((lane) => row("group", lane, `group ${lane.name}`))]
      : [...picture.groups.map((lane) => row("group", lane, `group ${lane.name}`)), ...by(picture.pods).map((lane) => row("pod", lane, lane.name))];
    this.root.style.setProperty("--lanes-rows", Math.min(this.rows.length, 14));
    this.redraw();
  }

  get from() {
    return this.view ? this.view.from : this.whole.from - this.margin;
  }

  get to() {
    return this.view ? this.view.to : this.whole.to + this.margin;
  }

  get margin() {
    return (this.whole.to - this.whole.from) * 0.015;
  }

  get left() {
    return this.labels.offsetWidth;
  }

  xOf(ms) {
    return this.left + ((ms - this.from) / (this.to - this.from)) * (this.root.clientWidth - this.left);
  }

  timeAt(x) {
    return this.from + ((x - this.left) / Math.max(this.root.clientWidth - this.left, 1)) * (this.to - this.from);
  }

  zoom(factor, around = this.at ?? (this.from + this.to) / 2) {
    const span = Math.max((this.to - this.from) * factor, SPAN_MS_MIN);
    if (span >= this.whole.to - this.whole.from + 2 * this.margin) return this.fit();
    const share = Math.min(Math.max((around - this.from) / (this.to - this.from), 0), 1);
    return this.see(around - span * share, span);
  }

  see(from, span) {
    const start = Math.min(Math.max(from, this.whole.from - this.margin), this.whole.to + this.margin - span);
    this.view = { from: start, to: start + span };
    this.redraw();
  }

  fit() {
    this.view = null;
    this.redraw();
  }

  // Bring the moment into view, where one has zoomed in.
  reveal(at) {
    this.at = at;
    if (this.view && at !== null && (at < this.view.from || at > this.view.to)) {
      const span = this.view.to - this.view.from;
      this.see(at - span / 2, span);
    } else this.redraw();
  }

  redraw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      if (this.root.isConnected) this.draw();
    });
  }

  draw() {
    this.spacer.style.height = `${Math.max(this.rows.length * ROW + AXIS - this.root.clientHeight, 0)}px`;
    const { pen, width, height } = prepared(this.canvas);
    const first = Math.max(Math.floor(this.root.scrollTop / ROW), 0);
    const last = Math.min(Math.ceil((this.root.scrollTop + height) / ROW), this.rows.length - 1);
    this.found = [];
    pen.save();
    pen.beginPath();
    pen.rect(this.left, AXIS, width - this.left, height - AXIS);
    pen.clip();
    for (let index = first; index <= last; index++) this.drawGround(pen, index, width);
    const lines = ticks(this.from, this.to, width - this.left, 120);
    pen.fillStyle = colour("line");
    for (const tick of lines) pen.fillRect(Math.round(this.xOf(tick.at)), AXIS, 1, height);
    for (let index = first; index <= last; index++) this.drawBars(pen, index, width);
    for (let index = first; index <= last; index++) this.drawMarks(pen, index);
    this.drawMoment(pen, width, height);
    pen.restore();
    this.drawAxis(pen, lines, width);
    this.drawLabels(first, last);
  }

  top(index) {
    return AXIS + index * ROW - this.root.scrollTop;
  }

  drawGround(pen, index, width) {
    if (this.rows[index].type === "pod") return;
    pen.fillStyle = colour("stripe");
    pen.fillRect(this.left, this.top(index), width, ROW);
  }

  drawBars(pen, index, width) {
    const { lane, type } = this.rows[index];
    const thick = type === "group" ? 16 : 12;
    const top = this.top(index) + (ROW - thick) / 2;
    for (const one of lane.intervals) {
      const end = one.to_ms ?? this.whole.to;
      if (end < this.from || one.from_ms > this.to) continue;
      const from = Math.max(this.xOf(one.from_ms), this.left - 4);
      const to = Math.min(Math.max(this.xOf(end), from + 1.5), width + 4);
      const name = STATE_COLOURS.get(one.state) || "succeeded";
      drawBar(pen, { from, to, top, thick, name, open: one.to_ms === null, edges: [this.left, width] });
      if (to - from > 60) {
        pen.fillStyle = colour("ink");
        const text = type === "pod" && one.detail && to - from > 190 ? `${one.state} on ${one.detail}` : one.state;
        if (pen.measureText(text).width < to - from - 16) pen.fillText(text, Math.max(from, this.left) + 8, top + thick / 2 + 0.5);
      }
      this.found.push({ from, to, top, bottom: top + thick, row: this.rows[index], interval: one });
    }
  }

  drawMarks(pen, index) {
    const { marks, type } = this.rows[index];
    const y = this.top(index) + ROW / 2;
    let before = null;
    for (const entry of marks) {
      if (entry.at_ms < this.from || entry.at_ms > this.to) continue;
      const x = this.xOf(entry.at_ms);
      if (before && x - before.x < APART) {
        before.entries.push(entry);
        continue;
      }
      before = { x, y, entries: [entry] };
      this.found.unshift({ mark: before });
    }
    for (const { mark } of this.found) {
      if (!mark || mark.y !== y) continue;
      const kind = mark.entries.reduce((top, one) => (WEIGHT.get(one.kind) < WEIGHT.get(top) ? one.kind : top), mark.entries[0].kind);
      const faint = this.at !== null && mark.entries.every((one) => one.at_ms > this.at);
      drawMark(pen, kind, mark.x, y, type === "pod" ? 4.5 : 5.5, { faint });
    }
  }

  // What comes after the moment that is shown is veiled: nobody knew it then.
  drawMoment(pen, width, height) {
    if (this.at === null) return;
    const x = Math.round(this.xOf(this.at));
    pen.fillStyle = colour("paper");
    pen.globalAlpha = 0.62;
    pen.fillRect(x, AXIS, width - x, height);
    pen.globalAlpha = 1;
    pen.fillStyle = colour("accent");
    pen.fillRect(x - 1, AXIS, 2, height);
  }

  drawAxis(pen, lines, width) {
    pen.fillStyle = colour("panel");
    pen.fillRect(0, 0, width, AXIS);
    pen.fillStyle = colour("quiet");
    for (const tick of lines) {
      const x = Math.round(this.xOf(tick.at));
      const length = pen.measureText(tick.text).width;
      if (x - length / 2 > this.left && x + length / 2 < width) pen.fillText(tick.text, x - length / 2, AXIS / 2);
    }
  }

  drawLabels(first, last) {
    const shown = this.rows.slice(first, last + 1);
    while (this.labels.children.length > shown.length) this.labels.lastChild.remove();
    while (this.labels.children.length < shown.length) this.labels.append(make("span", { className: "lane-label" }));
    shown.forEach((row, offset) => {
      const made = this.labels.children[offset];
      made.textContent = row.label;
      made.title = row.label;
      made.className = `lane-label ${row.type}`;
      made.style.top = `${this.top(first + offset)}px`;
      made.dataset.group = row.type === "group" ? row.lane.name : "";
    });
  }

  key(event) {
    const span = this.to - this.from;
    const keys = {
      "+": () => this.zoom(0.6), "=": () => this.zoom(0.6), "-": () => this.zoom(1 / 0.6), 0: () => this.fit(),
      ArrowLeft: () => this.see(this.from - span * 0.15, span), ArrowRight: () => this.see(this.from + span * 0.15, span),
      ArrowDown: () => this.root.scrollBy(0, ROW), ArrowUp: () => this.root.scrollBy(0, -ROW),
    };
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  }

  click(event) {
    const label = event.target.closest(".lane-label.group");
    const { left } = this.root.getBoundingClientRect();
    if (label) this.open(label.dataset.group);
    else if (event.clientX - left > this.left) this.pick(Math.round(this.timeAt(event.clientX - left)));
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoom(event.deltaY < 0 ? 0.8 : 1.25, this.timeAt(event.clientX - this.root.getBoundingClientRect().left));
  }

  hover(event) {
    const place = this.root.getBoundingClientRect();
    const x = event.clientX - place.left, y = event.clientY - place.top;
    const near = (this.found || []).find(({ mark, from, to, top, bottom }) => (mark
      ? Math.hypot(mark.x - x, mark.y - y) < 9 : x >= from && x <= to && y >= top && y <= bottom));
    if (!near || x < this.left) return hideTip();
    return showTip(near.mark ? tipOfMark(near.mark) : this.tipOfBar(near), event.clientX, event.clientY);
  }

  tipOfBar({ row, interval }) {
    const end = interval.to_ms ?? this.whole.to;
    const detail = interval.detail && row.type === "pod" ? `on node ${interval.detail}` : interval.detail;
    return [
      ["b", `${row.label}: ${interval.state}`], ["span", detail],
      ["span", `for ${duration(end - interval.from_ms)}${interval.to_ms === null ? ", and still is" : ""}`],
      ["span", `since ${timestamp(interval.from_ms)}, #${interval.sequence}`],
    ];
  }
}

function tipOfMark({ entries }) {
  const lines = entries.slice(0, 4).flatMap((entry) => [
    ["b", entry.what], ["span", entry.because ? `← ${entry.because}` : ""], ["span", `${timestamp(entry.at_ms)}, #${entry.sequence}`],
  ]);
  return entries.length > 4 ? [...lines, ["span", `and ${entries.length - 4} more: zoom in`]] : lines;
}
