// One set: what it is, all its groups, its timeline, what happened and why; and one group of it, where one is chosen.

import { write } from "/ui/static/address.js";
import { timestamp } from "/ui/static/drawing.js";
import { card, make, number, plural } from "/ui/static/dom.js";
import { Entries } from "/ui/static/entries.js";
import { Grid } from "/ui/static/grid.js";
import { GroupPanel } from "/ui/static/group.js";
import { EXPLAINED, ofWord, ORDER } from "/ui/static/health.js";
import { Lanes } from "/ui/static/lanes.js";
import { conditions } from "/ui/static/sets.js";
import { chainsOf } from "/ui/static/why.js";

export class SetView {
  // `choose(group|null)`: a group; `moveTo({sequence, ms})`: a moment.
  constructor({ choose, moveTo }) {
    const go = (one) => moveTo({ sequence: one.sequence, ms: one.at_ms });
    this.go = go;
    this.grid = new Grid({ choose });
    this.grid.root.id = "grid";
    this.panel = new GroupPanel({ close: () => choose(null), go });
    this.lanes = new Lanes({ pick: (ms) => moveTo({ ms }), open: choose });
    this.entries = new Entries({ go });
    this.title = make("h1", { id: "set-title" });
    this.moment = make("p", { className: "then", id: "then", hidden: true });
    this.head = make("div", { className: "set-head", id: "set-head" });
    this.legend = make("ul", { className: "legend", id: "legend", "aria-label": "Health" });
    this.why = make("div", { className: "chains", id: "why" });
    this.lanesNote = make("p", { className: "quiet note" });
    this.root = make(
      "div", { className: "set" }, make("div", { className: "set-title" }, this.title, this.moment), this.head,
      make("div", { className: "columns" },
        make("div", { className: "column" }, this.groupsCard(), this.timelineCard(),
          card("What happened", { id: "news", beside: this.entries.toggle }, this.entries.list, this.entries.note)),
        make("div", { className: "column side" }, this.panel.root, card("Why", { id: "reasons" }, this.why))),
    );
  }

  groupsCard() {
    const keys = make("p", { id: "grid-keys", className: "quiet note" }, "Arrows move, ", key("Enter"), " opens a group, ", key("n"), " and ", key("p"), " go to the next and the previous one that is not ready.");
    return card("Groups", { id: "groups", beside: this.legend }, this.grid.root, keys);
  }

  timelineCard() {
    const tool = (text, name, act) => make("button", { type: "button", className: "choice", text, title: name, "aria-label": name, on: { click: act } });
    const tools = make("div", { className: "choices", role: "group", "aria-label": "Zoom" },
      tool("−", "Zoom out", () => this.lanes.zoom(1 / 0.6)), tool("+", "Zoom in", () => this.lanes.zoom(0.6)), tool("Fit", "Show everything", () => this.lanes.fit()));
    const keys = make("p", { id: "lanes-keys", className: "quiet note" }, "A click shows that moment. ", key("+"), " ", key("−"), " ", key("0"), " zoom, ", key("←"), " ", key("→"), " move. Times are UTC. The list of what happened says the same in words.");
    return card("Timeline", { id: "timeline", beside: tools }, this.lanes.root, this.lanesNote, keys);
  }

  show({ place, answer, timeline, groupTimeline, chains, group, groupChains }) {
    const { set, position, groups } = answer;
    const at = position.live ? null : position;
    this.title.replaceChildren(make("span", { className: "quiet", text: `${place.namespace}/` }), place.name);
    this.moment.hidden = at === null;
    this.moment.textContent = at === null ? "" : `as it was at ${timestamp(at.at_ms)}, after event #${number(at.sequence)}`;
    this.root.classList.toggle("past", at !== null);
    this.showHead(set, position);
    this.showLegend(groups.states);
    this.grid.show(groups, { selected: place.group, partition: set && set.rollout.state !== "done" ? set.rollout.partition : 0 });
    this.showLanes(place, groupTimeline || timeline, at);
    const shown = groupTimeline || timeline;
    this.entries.show(shown.entries, { until: at === null ? Infinity : at.sequence });
    if (place.group === null) this.panel.hide();
    else if (group) this.panel.show(group, groupChains);
    document.getElementById("reasons").hidden = place.group !== null;
    const key = chains.map((one) => `${one.links[0]?.sequence}/${one.links.length}`).join();
    if (key !== this.whyKey) this.why.replaceChildren(...chainsOf(chains, { go: this.go }));
    this.whyKey = key;
  }

  showLanes(place, data, at) {
    const key = `${place.namespace}/${place.name}/${place.group}`;
    if (key !== this.lanesOf) this.lanes.fit();
    this.lanesOf = key;
    this.lanes.show({ picture: data.picture, entries: data.entries, group: place.group, at: at && at.at_ms });
    this.lanes.reveal(at && at.at_ms);
    const left = data.groups_left_out;
    this.lanesNote.textContent = left ? `The ${data.picture.groups.length} groups with the most news; ${plural(left, "other group")} are left out. Choose a group to see its pods.` : "";
  }

  // How many groups are of each health; a click goes to the next of them.
  showLegend(states) {
    const counts = new Map();
    for (const letter of states) counts.set(letter, (counts.get(letter) || 0) + 1);
    const focused = this.legend.contains(document.activeElement) ? document.activeElement.dataset.health : null;
    this.legend.replaceChildren(...ORDER.filter((word) => counts.has(stateOf(word))).map((word) => {
      const { colour, letter } = ofWord(word);
      const next = () => this.grid.moveTo(this.grid.next(1, (one) => one === stateOf(word)));
      return make("li", {}, make(
        "button", { type: "button", className: "legend-button", title: `${EXPLAINED[word]}; go to the next one`, data: { health: word }, on: { click: next } },
        make("span", { className: `cell mini ${colour}`, "aria-hidden": "true", text: letter }), ` ${number(counts.get(stateOf(word)))} ${word}`,
      ));
    }));
    if (focused) this.legend.querySelector(`[data-health="${focused}"]`)?.focus();
  }

  showHead(set, position) {
    if (!set) {
      this.head.replaceChildren(make("p", { className: "absent", text: position.sequence ? "The set is not there at this moment." : "Nothing is known of the set at this moment." }));
      return;
    }
    const { rollout } = set;
    const unknown = position.unknown_before ? [["Known from", `event #${number(position.unknown_before)} on: the journal begins there`]] : [];
    const facts = [
      ["Groups ready", `${number(set.ready)} of ${number(set.wanted)}`],
      ["Pods of a group", number(set.size)],
      ["Restarts", `${number(set.restarts.hour)} in the last hour, ${number(set.restarts.day)} in a day`],
      ["Revision", rollout.revision || "none yet"],
      ...unknown,
    ];
    this.head.replaceChildren(
      make("dl", { className: "facts wide" }, facts.map(([name, value]) => make("div", {}, make("dt", { text: name }), make("dd", { text: value }))),
        make("div", {}, make("dt", { text: "Conditions" }), make("dd", {}, conditions(set)))),
      rolloutBar(rollout),
    );
  }
}

// How far the rollout is, and where its partition stands: groups from that number on are to have the new revision.
function rolloutBar(rollout) {
  if (rollout.state === "none") return make("p", { className: "quiet", text: "No revision has been chosen yet." });
  const of = Math.max(rollout.of, 1);
  const words = {
    done: "Rollout done", running: "Rolling out", held: "Held by the partition of the spec", blocked: "Rollout blocked",
  }[rollout.state];
  const detail = [`${number(rollout.updated)} of ${number(rollout.of)} groups updated`];
  if (rollout.state !== "done") detail.push(`partition ${number(rollout.partition)}: groups from ${number(rollout.partition)} on`);
  if (rollout.surge) detail.push(`${plural(rollout.surge, "group")} more for the rollout`);
  if (rollout.blocked_by.length) detail.push(`waits for ${rollout.blocked_by.join(", ")}`);
  const filled = make("span", { className: "filled" });
  filled.style.width = `${(Math.min(rollout.updated, of) / of) * 100}%`;
  const bar = make("div", {
    className: `rollout-bar ${rollout.state}`, role: "progressbar", "aria-label": "Rollout", "aria-valuemin": 0,
    "aria-valuemax": rollout.of, "aria-valuenow": Math.min(rollout.updated, rollout.of), "aria-valuetext": `${words}, ${detail[0]}`,
  }, filled);
  if (rollout.state !== "done" && rollout.partition > 0) {
    const flag = make("span", { className: "partition-flag", title: `partition ${rollout.partition}` });
    flag.style.left = `${(Math.min(rollout.partition, of) / of) * 100}%`;
    bar.append(flag);
  }
  return make("div", { className: "rollout-line", id: "rollout" }, make("p", {}, make("b", { text: words }), ` ${detail.join("; ")}`), bar);
}


const stateOf = (word) => (word === "absent" ? "A" : ofWord(word).letter);

const key = (name) => make("kbd", { text: name });

export const crumbs = (place) => [
  ["#/", "Sets"],
  ...(place.name ? [[write({ ...place, group: null }), `${place.namespace}/${place.name}`]] : []),
  ...(place.group !== null ? [[write(place), `group ${place.group}`]] : []),
];
