// What happened, line by line, the latest first; as far as the moment that is shown.

import { clockOf, dayOf, icon, KINDS } from "/ui/static/drawing.js";
import { make, number } from "/ui/static/dom.js";

const SHOWN = 150;
const NEWS = new Set(["restart", "failure", "refused", "held", "wait", "rollout", "change", "condition", "group"]);
const NAMES = new Map(KINDS.map(([kind, name]) => [kind, name]));

export class Entries {
  // `go(entry)`: one was chosen.
  constructor({ go }) {
    this.go = go;
    this.all = false;
    this.entries = [];
    this.until = Infinity;
    this.list = make("ol", { className: "entries", id: "entries", tabindex: "0", "aria-label": "What happened, the latest first" });
    this.toggle = make("button", {
      type: "button", className: "choice", text: "Pods and commands too", "aria-pressed": "false",
      on: { click: () => {
        this.all = !this.all;
        this.toggle.setAttribute("aria-pressed", String(this.all));
        this.draw();
      } },
    });
    this.note = make("p", { className: "quiet note" });
  }

  show(entries, { until }) {
    const key = `${entries.length}/${entries.at(-1)?.sequence}/${until}/${entries[0]?.group}`;
    if (key === this.key) return; // so that whoever reads here keeps the place
    this.key = key;
    this.entries = entries;
    this.until = until;
    this.draw();
  }

  draw() {
    const known = this.entries.filter((one) => one.sequence <= this.until && (this.all || NEWS.has(one.kind)));
    this.list.replaceChildren(...known.slice(-SHOWN).reverse().map((one) => this.line(one)));
    this.note.textContent = known.length > SHOWN ? `${number(known.length - SHOWN)} earlier ones: move the slider back.` : known.length ? "" : "Nothing yet.";
  }

  line(entry) {
    const kind = NAMES.get(entry.kind) || "Other";
    return make(
      "li", { className: `entry ${entry.kind}` },
      make("button", {
        type: "button", className: "entry-button", title: `${kind}: show this moment`, on: { click: () => this.go(entry) },
      },
      make("span", { className: "when", text: clockOf(entry.at_ms), title: `${dayOf(entry.at_ms)} UTC, event #${entry.sequence}` }),
      icon(entry.kind), make("span", { className: "unseen", text: `${kind}: ` }),
      make("span", { className: "what", title: entry.because }, entry.what, entry.because ? make("span", { className: "because", text: ` ← ${entry.because}` }) : null)),
    );
  }
}
