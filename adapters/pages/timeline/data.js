// What the page shows: the data block, and what is derived from it once. Texts in it are hostile; they only ever become
// text nodes and text on a canvas.

const data = JSON.parse(document.getElementById("data").textContent);
const entries = data.entries;

// In the order of their weight: of marks that lie on each other the first kind is drawn.
const KINDS = [
  ["restart", "Restarts"],
  ["failure", "Failures"],
  ["refused", "Refused"],
  ["held", "Held back"],
  ["wait", "Waits"],
  ["rollout", "Rollout"],
  ["change", "Changes"],
  ["condition", "Conditions"],
  ["group", "Groups"],
  ["pod", "Pods"],
  ["command", "Commands"],
  ["object", "Other"],
];
const MARKED = new Set(["restart", "failure", "refused", "held", "wait", "rollout", "change", "condition"]);
const WEIGHT = new Map(KINDS.map(([kind], index) => [kind, index]));

// Colour of each state: pods in lower case, groups as the controller names them.
const STATE_COLOURS = new Map(Object.entries({
  pending: "pending", running: "running", ready: "ready", terminating: "terminating", failed: "failed", succeeded: "succeeded",
  Scheduling: "pending", Starting: "running", Ready: "ready", Degraded: "degraded", Recreating: "terminating",
  Terminating: "terminating", BackOff: "degraded", Kept: "degraded",
  Available: "ready", Progressing: "running", UpdateInProgress: "running",
}));

const page = {
  from: data.from_ms,
  to: data.to_ms,
  kinds: new Set(KINDS.map(([kind]) => kind)),
  query: "",
  shown: [],          // indices of the entries that filters and search leave, in order
  matching: new Set(), // the same, to ask
  selected: -1,
  row: -1, // none, until the keyboard or the pointer chooses one
};

const naturally = new Intl.Collator("en", { numeric: true });

const counts = new Map();
for (const entry of entries) counts.set(entry.kind, (counts.get(entry.kind) || 0) + 1);

const searchable = entries.map((entry) =>
  `#${entry.sequence} ${entry.group ? `group ${entry.group}` : "set"} ${entry.pod} ${entry.what} ${entry.because}`.toLowerCase());

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}
