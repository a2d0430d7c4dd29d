// Put together: the address decides what is shown; what changes in the journal is shown as it comes.

import * as address from "/ui/static/address.js";
import { ask, listen, Refused } from "/ui/static/api.js";
import { Data } from "/ui/static/data.js";
import { announce, find, hideTip, make } from "/ui/static/dom.js";
import { palette } from "/ui/static/drawing.js";
import { ofLetter } from "/ui/static/health.js";
import { Replay } from "/ui/static/replay.js";
import { crumbs, SetView } from "/ui/static/set.js";
import { showSets } from "/ui/static/sets.js";

const REFRESH_MS = 700, AGAIN_MS = 3000, SLOW_MS = 500;

const content = find("content");
const data = new Data();
const replay = new Replay({ move: (moment, { moving = false } = {}) => moveTo(moment, { replace: moving }) });
const view = new SetView({
  choose: (group) => address.go({ ...address.read(), group }),
  moveTo: (moment) => (moment.sequence === undefined ? replay.to(moment.ms) : moveTo(moment)),
});
const journal = { grows: false, source: "" };
let loading = false, wanted = false; // one load at a time: while a slider moves, what it passes is left out
let shown = ""; // what kind of view is on the page
let states = null; // of the groups, as they were told last
let toldTo = 0; // the last event that was told of
let timer = 0, again = 0, due = false;

function moveTo(moment, { replace = false } = {}) {
  address.go({ ...address.read(), at: moment ? moment.sequence : null }, { replace });
}

async function load() {
  wanted = true;
  if (loading) return;
  loading = true;
  const slow = setTimeout(() => { find("busy").textContent = "Reading the journal…"; }, SLOW_MS);
  while (wanted) {
    wanted = false;
    await loadOnce(address.read());
  }
  clearTimeout(slow);
  find("busy").textContent = "";
  loading = false;
}

async function loadOnce(place) {
  hideTip();
  try {
    if (place.name) await loadSet(place);
    else await loadSets();
    trouble(null);
  } catch (error) {
    trouble(error);
  }
}

const isStill = (place) => address.write(address.read()) === address.write(place);

async function loadSets() {
  const answer = await data.sets();
  if (address.read().name) return; // somebody has gone on meanwhile
  const isNew = shown !== "sets";
  showSets(content, answer);
  replay.hide();
  become("sets", { name: "" , group: null }, "Sets", { isNew });
}

async function loadSet(place) {
  const found = await data.set(place);
  if (!isStill(place)) return;
  const isNew = shown !== `${place.namespace}/${place.name}`;
  if (!content.contains(view.root)) content.replaceChildren(view.root);
  view.show(found);
  const { answer, timeline } = found;
  const range = { from: timeline.from, to: timeline.position };
  replay.show({ entries: timeline.entries, range, position: answer.position, grows: journal.grows });
  tellChanges(answer, timeline.entries, { isNew });
  become(`${place.namespace}/${place.name}`, place, `${place.namespace}/${place.name}`, { isNew });
}

function become(kind, place, title, { isNew }) {
  shown = kind;
  document.title = `${title}${place.group !== null ? `, group ${place.group}` : ""} – lws-events`;
  const list = crumbs({ namespace: "", ...place });
  find("crumbs").replaceChildren(...list.map(([href, text], index) => make(
    "li", {}, make("a", { href, text, "aria-current": index === list.length - 1 ? "page" : null }),
  )));
  if (isNew) window.scrollTo(0, 0);
}

// What has changed in the groups since it was told last, for those who listen.
function tellChanges({ groups, position }, entries, { isNew }) {
  const now = new Map(groups.names.map((name, index) => [name, groups.states[index]]));
  if (states !== null && !isNew && position.live) {
    const changed = [...now].filter(([name, state]) => states.has(name) && states.get(name) !== state);
    const words = changed.slice(0, 3).map(([name, state]) => `group ${name} is ${ofLetter(state).word}`);
    if (changed.length > 3) words.push(`${changed.length - 3} other groups have changed`);
    const news = entries.filter((one) => one.sequence > toldTo && ["restart", "held"].includes(one.kind)).slice(-2);
    words.push(...news.map((one) => one.what));
    if (words.length) announce(`${words.join(", ")}.`);
  }
  toldTo = entries.at(-1)?.sequence ?? toldTo;
  if (position.live) states = now;
  else announce(`The set as it was at ${position.at}.`);
}

function trouble(error) {
  const box = find("trouble");
  clearTimeout(again);
  box.hidden = error === null;
  if (error === null) return;
  const isKnown = error instanceof Refused;
  box.replaceChildren(make("b", { text: isKnown ? error.message : "The page could not show this." }), make("span", { text: ` ${isKnown ? error.hint : error.message}` }));
  if (error.status === 401) box.append(make("a", { href: "/ui/login", text: " Log in" }));
  if (!isKnown) console.error(error);
  if (!isKnown || error.status === 0 || error.status === 503) again = setTimeout(load, AGAIN_MS);
}

function status(text, kind) {
  const made = find("status");
  if (made.textContent !== text) made.textContent = text;
  made.className = `status ${kind}`;
}

// At most one load at a time, and not more often than people can read.
function changed(sets) {
  const place = address.read();
  if (place.name && sets !== null && !sets.includes(`${place.namespace}/${place.name}`)) return;
  if (document.hidden) {
    due = true;
    return;
  }
  if (timer) return;
  timer = setTimeout(() => {
    timer = 0;
    if (!address.read().at) load();
    else refreshPast();
  }, REFRESH_MS);
}

// While the past is shown only the bar of the replay grows.
async function refreshPast() {
  const place = address.read();
  try {
    const timeline = await data.timeline({ ...place, at: null }, null, { until: null });
    const range = { from: timeline.from, to: timeline.position };
    if (replay.at) replay.show({ entries: timeline.entries, range, position: replay.at, grows: journal.grows });
  } catch { /* the next change asks again */ }
}

const THEMES = ["", "light", "dark"];
const remembered = {
  get: () => { try { return localStorage.getItem("lws-events-theme") || ""; } catch { return ""; } },
  set: (theme) => { try { localStorage.setItem("lws-events-theme", theme); } catch { /* it lasts as long as the page */ } },
};

function useTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  find("theme-name").textContent = theme || "auto";
  repaint();
}

function repaint() {
  palette.clear();
  view.lanes.redraw();
  view.entries.draw();
  replay.draw();
}

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme || "") + 1) % THEMES.length];
  remembered.set(next);
  useTheme(next);
}

async function start() {
  useTheme(remembered.get());
  find("theme").addEventListener("click", nextTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  addEventListener("hashchange", load);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && due) load();
    due = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    hideTip();
    if (address.read().group !== null && !event.defaultPrevented) address.go({ ...address.read(), group: null });
  });
  await begin();
}

async function begin() {
  try {
    const positions = await ask("/positions");
    Object.assign(journal, { grows: positions.grows, source: positions.source });
    find("source").textContent = `cluster ${positions.cluster}, ${positions.source}`;
  } catch (error) {
    trouble(error);
    status("No connection", "lost");
    setTimeout(begin, AGAIN_MS);
    return;
  }
  await load();
  if (!journal.grows) {
    status("Recorded", "recorded");
    return;
  }
  listen({
    changed,
    connected: (isUp, why) => (isUp ? status("Live", "up") : status(why ? `Journal unreachable: ${why}` : "Connection lost, trying again…", "lost")),
  });
}

start();
