// One group: its pods, since when it is as it is, what it waits for, how often it was recreated and why.

import { duration, timestamp } from "/ui/static/drawing.js";
import { make, plural } from "/ui/static/dom.js";
import { EXPLAINED, ofWord } from "/ui/static/health.js";
import { chainsOf } from "/ui/static/why.js";

export class GroupPanel {
  // `close()`: back to the set; `go({sequence, at_ms})`: to a moment.
  constructor({ close, go }) {
    this.close = close;
    this.go = go;
    this.root = make("section", { className: "card group-panel", id: "group", tabindex: "-1", "aria-labelledby": "group-title", hidden: true });
    this.opened = new Set();
  }

  hide() {
    this.root.hidden = true;
    this.name = null;
  }

  show(answer, chains) {
    const { group, since, position } = answer;
    const isNew = this.name !== group.leader;
    if (isNew) this.opened.clear();
    else for (const one of this.root.querySelectorAll("details")) this.note(one);
    const focused = this.root.contains(document.activeElement) ? document.activeElement.dataset.keep : null;
    this.name = group.leader;
    this.root.hidden = false;
    this.root.replaceChildren(this.head(group), ...this.facts(group, since, position), this.pods(group), ...this.waits(answer), ...this.restarts(answer), ...this.reasons(chains));
    for (const one of this.root.querySelectorAll("details")) if (this.opened.has(one.dataset.sequence)) one.open = true;
    if (focused) this.root.querySelector(`[data-keep="${focused}"]`)?.focus();
    if (isNew && document.activeElement?.closest("#grid")) this.root.scrollIntoView({ block: "nearest" });
  }

  note(one) {
    if (one.open) this.opened.add(one.dataset.sequence);
    else this.opened.delete(one.dataset.sequence);
  }

  head(group) {
    const health = ofWord(group.health);
    return make(
      "div", { className: "card-head" }, make("h2", { id: "group-title", text: `Group ${group.name}` }),
      make("span", { className: `badge ${health.colour}` }, make("b", { "aria-hidden": "true", text: health.letter }), ` ${group.health}`),
      make("button", { type: "button", className: "plain close", text: "Close", "aria-label": `Close group ${group.name}`, data: { keep: "close" }, on: { click: this.close } }),
    );
  }

  facts(group, since, position) {
    const how = group.held || EXPLAINED[group.health];
    const rows = [
      ["State", `${group.lifecycle}: ${how}`],
      ["Since", since ? `${timestamp(since.at_ms)} (${duration(Math.max(position.at_ms - since.at_ms, 0))})` : ""],
      ["Pods ready", `${group.ready} of ${group.size}`],
      ["Revision", group.revision_key ? `${group.revision_key}${group.updated ? ", the wanted one" : ", not the wanted one"}` : ""],
    ];
    return [make("dl", { className: "facts" }, rows.filter(([, value]) => value).map(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]))];
  }

  pods(group) {
    if (!group.pods.length) return make("p", { className: "quiet", text: "It has no pods." });
    const row = (pod) => make(
      "tr", {},
      make("th", { scope: "row" }, pod.name, pod.leader ? make("small", { className: "quiet", text: " leader" }) : null,
        [pod.waiting, pod.last_exit].filter(Boolean).map((text) => make("small", { className: "quiet words", text }))),
      make("td", {}, make("span", { className: `badge small ${pod.state}`, text: pod.status })),
      make("td", { className: "figure", text: pod.restarts }),
      make("td", { text: pod.node || "—" }),
    );
    return make(
      "div", { className: "table-frame", tabindex: "0", role: "region", "aria-label": "Pods of the group" },
      make("table", { className: "pods" },
        make("thead", {}, make("tr", {}, ["Pod", "Status", "Restarts", "Node"].map((text) => make("th", { scope: "col", text })))),
        make("tbody", {}, group.pods.map(row))),
    );
  }

  waits(answer) {
    const list = answer.waits_for;
    if (!list.length) return [];
    return [make("h3", { text: "What it waits for" }), make("ul", { className: "waits", id: "waits" }, list.map((text) => make("li", { text })))];
  }

  restarts({ restarts }) {
    if (!restarts.length) return [];
    const line = (entry) => make(
      "li", {}, make("button", {
        type: "button", className: "sequence", text: timestamp(entry.at_ms), title: "Show this moment", data: { keep: `restart-${entry.sequence}` },
        on: { click: () => this.go(entry) },
      }), ` ${entry.what}`,
    );
    return [make("h3", { text: plural(restarts.length, "restart") }), make("ol", { className: "restarts" }, [...restarts].reverse().slice(0, 10).map(line))];
  }

  reasons(chains) {
    return [make("h3", { text: "Why" }), make("div", { className: "chains", id: "group-why" }, chainsOf(chains, { go: this.go }))];
  }
}
