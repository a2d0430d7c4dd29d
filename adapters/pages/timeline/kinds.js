// Kinds of entries, the colours of states, and how elements are made: also the page /ui has them from here.

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

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}
