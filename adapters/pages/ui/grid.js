// All groups of a set as a grid: a letter and a colour for each. Only the rows in sight exist, so that ten thousand
// groups are as quick as ten. For a screen reader it is a grid of cells with names; arrows move in it.

import { hideTip, make, number, showTip } from "/ui/static/dom.js";
import { EXPLAINED, ofLetter } from "/ui/static/health.js";

const SIZES = [[120, 34], [1500, 26], [Infinity, 20]]; // up to so many groups: pixels of a cell

export class Grid {
  // `choose(name)` is called with the group that one picks.
  constructor({ choose }) {
    this.choose = choose;
    this.cells = { names: [], states: "", updated: "", ready: [], sizes: [] };
    this.current = 0;
    this.selected = null;
    this.partition = 0;
    this.pool = new Map();
    this.stage = make("div", { className: "grid-stage", role: "presentation" });
    this.root = make("div", {
      className: "grid", role: "grid", "aria-label": "Groups", "aria-describedby": "grid-keys", "aria-readonly": "true",
      on: {
        scroll: () => this.draw(), keydown: (event) => this.key(event), click: (event) => this.click(event),
        pointermove: (event) => this.hover(event), pointerleave: hideTip,
      },
    }, this.stage);
    new ResizeObserver(() => this.layOut()).observe(this.root);
  }

  show(cells, { selected, partition }) {
    this.cells = cells;
    this.selected = selected;
    this.partition = partition;
    this.current = Math.min(this.current, Math.max(cells.names.length - 1, 0));
    this.layOut();
  }

  get count() {
    return this.cells.names.length;
  }

  layOut() {
    this.size = SIZES.find(([most]) => this.count <= most)[1];
    this.columns = Math.max(Math.floor((this.root.clientWidth - 8) / this.size), 1);
    this.rows = Math.ceil(this.count / this.columns);
    this.stage.style.height = `${this.rows * this.size}px`;
    this.root.style.setProperty("--cell", `${this.size}px`);
    this.root.setAttribute("aria-rowcount", this.rows);
    this.root.setAttribute("aria-colcount", this.columns);
    this.draw();
  }

  draw() {
    const first = Math.max(Math.floor(this.root.scrollTop / this.size) - 2, 0);
    const last = Math.min(Math.ceil((this.root.scrollTop + this.root.clientHeight) / this.size) + 2, this.rows) - 1;
    const kept = Math.floor(this.current / this.columns); // the cell that has the focus must not go
    for (const [row, made] of this.pool) {
      if ((row < first || row > last) && row !== kept) {
        made.remove();
        this.pool.delete(row);
      }
    }
    for (let row = first; row <= last; row++) this.fill(row);
    if (this.rows && !(kept >= first && kept <= last)) this.fill(kept);
  }

  fill(row) {
    let made = this.pool.get(row);
    if (!made) {
      made = make("div", { className: "grid-row", role: "row", "aria-rowindex": row + 1 });
      this.pool.set(row, made);
      const next = [...this.pool.keys()].filter((one) => one > row).sort((one, two) => one - two)[0];
      this.stage.insertBefore(made, next === undefined ? null : this.pool.get(next));
    }
    made.style.top = `${row * this.size}px`;
    const start = row * this.columns;
    const wanted = Math.min(this.columns, this.count - start);
    while (made.children.length > wanted) made.lastChild.remove();
    while (made.children.length < wanted) made.append(make("div", { role: "gridcell", "aria-colindex": made.children.length + 1 }));
    for (let column = 0; column < wanted; column++) this.fillCell(made.children[column], start + column);
  }

  fillCell(cell, index) {
    const { names, states, updated } = this.cells;
    const health = ofLetter(states[index]);
    const classes = ["cell", health.colour];
    if (updated[index] === "0" && states[index] !== "A") classes.push("outdated");
    if (names[index] === this.selected) classes.push("selected");
    if (this.partition > 0 && Number(names[index]) === this.partition) classes.push("partition");
    const className = classes.join(" ");
    if (cell.className !== className) cell.className = className;
    if (cell.textContent !== health.letter) cell.textContent = health.letter;
    cell.dataset.index = index;
    cell.tabIndex = index === this.current ? 0 : -1;
    const label = this.words(index);
    if (cell.getAttribute("aria-label") !== label) cell.setAttribute("aria-label", label);
    cell.setAttribute("aria-selected", String(names[index] === this.selected));
  }

  words(index) {
    const { names, states, updated, ready, sizes } = this.cells;
    const outdated = updated[index] === "0" && states[index] !== "A" ? ", not updated" : "";
    return `group ${names[index]}: ${ofLetter(states[index]).word}, ${ready[index]} of ${sizes[index]} pods ready${outdated}`;
  }

  key(event) {
    const page = Math.max(Math.floor(this.root.clientHeight / this.size) - 1, 1) * this.columns;
    const moves = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns, PageDown: page, PageUp: -page,
      Home: -this.current, End: this.count - 1 - this.current,
    };
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.pick(this.current);
    } else if (event.key === "n" || event.key === "p") {
      this.moveTo(this.next(event.key === "n" ? 1 : -1));
    } else if (event.key in moves && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      this.moveTo(this.current + moves[event.key]);
    }
  }

  // The next group that is not ready, or of a health: among ten thousand nobody finds it otherwise.
  next(step, matches = (letter) => letter !== "R") {
    for (let moved = 1; moved <= this.count; moved++) {
      const index = (((this.current + step * moved) % this.count) + this.count) % this.count;
      if (matches(this.cells.states[index])) return index;
    }
    return this.current;
  }

  moveTo(index) {
    this.current = Math.min(Math.max(index, 0), this.count - 1);
    const top = Math.floor(this.current / this.columns) * this.size;
    if (top < this.root.scrollTop) this.root.scrollTop = top;
    else if (top + this.size > this.root.scrollTop + this.root.clientHeight) this.root.scrollTop = top + this.size - this.root.clientHeight;
    this.draw();
    const cell = this.cellOf(this.current);
    if (!cell) return;
    cell.focus({ preventScroll: true });
    const place = cell.getBoundingClientRect();
    this.tell(this.current, place.left, place.bottom - 8);
  }

  cellOf(index) {
    return this.pool.get(Math.floor(index / this.columns))?.children[index % this.columns];
  }

  indexAt(event) {
    const cell = event.target.closest(".cell");
    return cell ? Number(cell.dataset.index) : -1;
  }

  click(event) {
    const index = this.indexAt(event);
    if (index >= 0) this.pick(index);
  }

  pick(index) {
    if (index >= this.count) return;
    this.current = index;
    this.draw();
    hideTip();
    this.choose(this.cells.names[index]);
  }

  hover(event) {
    const index = this.indexAt(event);
    if (index < 0) hideTip();
    else this.tell(index, event.clientX, event.clientY);
  }

  tell(index, x, y) {
    const { names, states, ready, sizes, updated } = this.cells;
    const { word } = ofLetter(states[index]);
    showTip([
      ["b", `group ${names[index]}: ${word}`], ["span", EXPLAINED[word]],
      ["span", `${number(ready[index])} of ${number(sizes[index])} pods ready`],
      ["span", updated[index] === "0" && states[index] !== "A" ? "not of the wanted revision (dashed)" : ""],
    ], x, y);
  }
}
