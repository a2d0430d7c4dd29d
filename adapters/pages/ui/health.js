// Health of groups: a word, a letter, and a colour; never a colour alone.

export const HEALTH = {
  R: { word: "ready", letter: "R", colour: "ready" },
  S: { word: "starting", letter: "S", colour: "running" },
  W: { word: "waiting", letter: "W", colour: "pending" },
  F: { word: "failed", letter: "F", colour: "failed" },
  C: { word: "recreating", letter: "C", colour: "terminating" },
  K: { word: "kept", letter: "K", colour: "degraded" },
  A: { word: "absent", letter: "·", colour: "succeeded" },
};

export const EXPLAINED = {
  ready: "all pods are ready",
  starting: "its pods are being started",
  waiting: "for a place, or for the end of its back-off",
  failed: "it was ready and has lost a pod",
  recreating: "it is being ended, to be made anew",
  kept: "it has failed and is kept for debugging",
  absent: "it has no pods",
};

export const ORDER = ["ready", "starting", "waiting", "recreating", "failed", "kept", "absent"];

const BY_WORD = new Map(Object.values(HEALTH).map((one) => [one.word, one]));

export const ofLetter = (letter) => HEALTH[letter] || HEALTH.S;
export const ofWord = (word) => BY_WORD.get(word) || HEALTH.S;
