// The bar at the bottom: any moment of the recent past, from decision to decision, and back to the present.

import { colour, duration, markColour, prepared, timestamp } from "/ui/static/drawing.js";
import { find, make, number } from "/ui/static/dom.js";

const MARKS = ["restart", "failure", "held", "rollout", "change", "wait", "refused"];

export class Replay {
  // `move({sequence, ms}, {moving})`: a moment was chosen (null: the present); `moving`: and may be left at once.
  constructor({ move }) {
    this.move = move;
    this.root = find("replay");
    this.entries = [];
    this.range = { from: 0, to: 1 };
    this.at = null;
    this.marks = make("canvas", { className: "replay-marks", "aria-hidden": "true" });
    this.slider = make("input", {
      type: "range", id: "moment", min: 0, max: 1000, step: 1, "aria-label": "Moment",
      on: { input: () => this.slide(true), change: () => this.slide(false) },
    });
    this.before = button("previous", "◀", "Previous decision", () => this.step(-1));
    this.after = button("following", "▶", "Next decision", () => this.step(1));
    this.live = make("button", { type: "button", id: "live", className: "live", on: { click: () => this.move(null, {}) } });
    this.words = make("p", { id: "moment-words", className: "moment" });
    this.root.replaceChildren(
      this.before, this.after, make("div", { className: "replay-track" }, this.marks, this.slider), this.words, this.live,
    );
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  // `position`: what is shown; `grows`: whether there is a present that goes on.
  show({ entries, range, position, grows }) {
    this.root.hidden = false;
    this.entries = entries;
    this.range = range;
    this.at = position.live ? null : position;
    this.decisions = [...new Map(entries.filter((one) => one.who === "controller").map((one) => [one.sequence, one])).values()];
    const span = Math.max(range.to.at_ms - range.from.at_ms, 1);
    this.slider.max = span;
    if (document.activeElement !== this.slider || !this.sliding) {
      this.slider.value = this.at === null ? span : Math.min(Math.max(this.at.at_ms - range.from.at_ms, 0), span);
    }
    const ago = this.at === null ? "" : ` (${duration(Math.max(range.to.at_ms - this.at.at_ms, 0))} before the end)`;
    const words = this.at === null ? (grows ? "now" : `the end, ${timestamp(range.to.at_ms)}`) : `${timestamp(position.at_ms)}${ago}`;
    this.words.replaceChildren(make("b", { text: words }), make("span", { className: "quiet", text: ` event #${number(position.sequence)}` }));
    this.slider.setAttribute("aria-valuetext", `${words}, event ${position.sequence}`);
    this.live.textContent = grows ? "Live" : "End";
    this.live.setAttribute("aria-pressed", String(this.at === null));
    this.root.classList.toggle("replaying", this.at !== null);
    this.before.disabled = !this.decisionFrom(-1);
    this.after.disabled = this.at === null || !this.decisionFrom(1);
    this.draw();
  }

  hide() {
    this.root.hidden = true;
  }

  slide(moving) {
    this.sliding = moving;
    const ms = this.range.from.at_ms + Number(this.slider.value);
    if (ms >= this.range.to.at_ms) this.move(null, { moving });
    else this.to(ms, { moving });
  }

  // The last entry up to a time: what was known then.
  to(ms, { moving = false } = {}) {
    let found = null;
    for (const entry of this.entries) if (entry.at_ms <= ms && (!found || entry.sequence >= found.sequence)) found = entry;
    this.move({ sequence: found ? found.sequence : this.range.from.sequence, ms }, { moving });
  }

  decisionFrom(step) {
    const here = this.at === null ? Infinity : this.at.sequence;
    const list = this.decisions || [];
    return step > 0 ? list.find((one) => one.sequence > here) : list.findLast((one) => one.sequence < here);
  }

  step(step) {
    const found = this.decisionFrom(step);
    if (found) this.move({ sequence: found.sequence, ms: found.at_ms }, {});
    else if (step > 0) this.move(null, {});
  }

  draw() {
    if (this.root.hidden) return;
    const { pen, width, height } = prepared(this.marks);
    const span = Math.max(this.range.to.at_ms - this.range.from.at_ms, 1);
    const x = (ms) => 8 + ((ms - this.range.from.at_ms) / span) * (width - 16);
    pen.fillStyle = colour("line");
    pen.fillRect(8, height - 2, width - 16, 2);
    for (const kind of [...MARKS].reverse()) {
      pen.fillStyle = markColour(kind);
      const tall = kind === "restart" || kind === "failure" ? height : height * 0.6;
      for (const entry of this.entries) {
        if (entry.kind === kind) pen.fillRect(Math.round(x(entry.at_ms)) - 1, height - tall, 2, tall);
      }
    }
  }
}

const button = (id, text, name, click) =>
  make("button", { type: "button", id, className: "step", text, title: name, "aria-label": name, on: { click } });
