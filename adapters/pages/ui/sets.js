// All sets in a table: how they are, what is being rolled out, what was restarted lately.

import { write } from "/ui/static/address.js";
import { find, make, number, plural } from "/ui/static/dom.js";
import { ofWord, ORDER } from "/ui/static/health.js";

const filter = { text: "", only: "all" };
const ONLY = [["all", "All"], ["unwell", "Not all ready"], ["rollout", "Rolling out"], ["restarted", "Restarted today"]];

const isUnwell = (set) => set.ready < set.wanted;
const isRolling = (set) => ["running", "blocked"].includes(set.rollout.state);
const matches = (set) =>
  `${set.namespace}/${set.name}`.toLowerCase().includes(filter.text.toLowerCase()) &&
  { all: true, unwell: isUnwell(set), rollout: isRolling(set), restarted: set.restarts.day > 0 }[filter.only];

export function showSets(root, answer) {
  let body = find("sets-body");
  if (!body || !root.contains(body)) {
    root.replaceChildren(make("h1", { text: "LeaderWorkerSets" }), summary(), controls(() => fill(answerOf(root))), table());
    body = find("sets-body");
  }
  root.answer = answer;
  fill(answer);
}

const answerOf = (root) => root.answer;

function summary() {
  return make("ul", { id: "sets-summary", className: "tiles", "aria-label": "In short" });
}

function controls(refill) {
  const search = make("input", {
    type: "search", id: "sets-search", placeholder: "Namespace or name", autocomplete: "off", spellcheck: "false",
    value: filter.text, on: { input: (event) => { filter.text = event.target.value; refill(); } },
  });
  const choices = ONLY.map(([value, text]) => make("button", {
    type: "button", className: "choice", text, "aria-pressed": String(filter.only === value), data: { only: value },
    on: { click: () => {
      filter.only = value;
      for (const one of choices) one.setAttribute("aria-pressed", String(one.dataset.only === value));
      refill();
    } },
  }));
  return make(
    "div", { className: "controls", role: "search", "aria-label": "Find sets" },
    make("label", { className: "field" }, make("span", { text: "Search" }), search),
    make("div", { className: "choices", role: "group", "aria-label": "Show" }, choices),
    make("output", { id: "sets-found", className: "quiet", for: "sets-search" }),
  );
}

const COLUMNS = ["Set", "Ready", "Health of groups", "Rollout", "Restarts in an hour", "in a day", "Conditions"];

function table() {
  const head = make("tr", {}, COLUMNS.map((text) => make("th", { scope: "col", text })));
  return make(
    "div", { className: "table-frame", tabindex: "0", role: "region", "aria-label": "Sets" },
    make("table", { className: "sets" }, make("thead", {}, head), make("tbody", { id: "sets-body" })),
  );
}

function fill(answer) {
  const { sets, gone } = answer;
  const groups = sets.reduce((sum, one) => sum + one.wanted, 0);
  const ready = sets.reduce((sum, one) => sum + Math.min(one.ready, one.wanted), 0);
  const restarts = sets.reduce((sum, one) => sum + one.restarts.hour, 0);
  find("sets-summary").replaceChildren(...[
    [number(sets.length), sets.length === 1 ? "set" : "sets"],
    [`${number(ready)} / ${number(groups)}`, "groups ready"],
    [number(sets.filter(isUnwell).length), "not all ready"],
    [number(sets.filter(isRolling).length), "rolling out"],
    [number(restarts), "restarts in the last hour"],
  ].map(([value, name]) => make("li", {}, make("b", { text: value }), make("span", { text: name }))));
  const shown = sets.filter(matches);
  const past = filter.only === "all" ? gone.filter((one) => `${one.namespace}/${one.name}`.includes(filter.text)) : [];
  find("sets-found").textContent = shown.length === sets.length ? plural(sets.length, "set") : `${number(shown.length)} of ${plural(sets.length, "set")}`;
  find("sets-body").replaceChildren(...shown.map(row), ...past.map(goneRow), ...(shown.length + past.length ? [] : [nothing(sets)]));
}

function nothing(sets) {
  const text = sets.length ? "No set matches." : "There are no LeaderWorkerSets.";
  return make("tr", {}, make("td", { colspan: COLUMNS.length, className: "quiet", text }));
}

const nameOf = (set) => make(
  "th", { scope: "row" },
  make("a", { href: write(set) }, make("span", { className: "quiet", text: `${set.namespace}/` }), make("b", { text: set.name })),
);

function row(set) {
  return make(
    "tr", { className: isUnwell(set) ? "unwell" : "" }, nameOf(set),
    make("td", { className: "figure", text: `${number(set.ready)} / ${number(set.wanted)}` }),
    make("td", {}, healthBar(set)),
    make("td", {}, rolloutWords(set)),
    make("td", { className: `figure${set.restarts.hour ? " restarted" : ""}`, text: number(set.restarts.hour) }),
    make("td", { className: `figure${set.restarts.day ? " restarted" : ""}`, text: number(set.restarts.day) }),
    make("td", {}, conditions(set)),
  );
}

function goneRow(set) {
  return make("tr", { className: "gone" }, nameOf(set), make("td", { colspan: COLUMNS.length - 1, className: "quiet", text: "deleted; its past is here" }));
}

// A stripe for the eye, the numbers beside it for everybody.
export function healthBar(set) {
  const total = Math.max(Object.values(set.health).reduce((sum, one) => sum + one, 0), 1);
  const bar = make("span", { className: "health-bar", "aria-hidden": "true" });
  const words = [];
  for (const word of ORDER) {
    const count = set.health[word];
    if (!count) continue;
    const part = make("span", { className: `part ${ofWord(word).colour}` });
    part.style.flexGrow = count / total;
    bar.append(part);
    words.push(`${number(count)} ${word}`);
  }
  return make("span", { className: "health" }, bar, make("span", { className: "health-words", text: words.join(", ") || "no groups" }));
}

export function rolloutWords(set) {
  const { state, updated, of, revision } = set.rollout;
  const words = {
    none: "no revision yet", done: "done", held: `held at partition ${set.rollout.partition}`,
    running: `${number(updated)} of ${number(of)} updated`, blocked: `blocked, ${number(updated)} of ${number(of)} updated`,
  }[state];
  return make("span", { className: `rollout ${state}` }, make("span", { text: words }), revision ? make("small", { className: "quiet", text: revision }) : null);
}

export function conditions(set) {
  const held = set.conditions.filter((one) => one.status === "True");
  return make("span", { className: "conditions" }, held.map((one) => make("span", {
    className: `condition ${one.type === "Available" ? "good" : ""}`, text: one.type, title: [one.reason, one.message].filter(Boolean).join(": "),
  })), set.deleting ? make("span", { className: "condition bad", text: "Deleting" }) : null, held.length || set.deleting ? null : make("span", { className: "quiet", text: "none" }));
}
