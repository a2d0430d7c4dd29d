// Times in words, and where the time axis has its ticks. All of it is UTC, as in the program's other outputs.

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
  DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 364 * DAY,
];

const timestamp = (ms) => new Date(ms).toISOString();
const dayOf = (ms) => timestamp(ms).slice(0, 10);
const clockOf = (ms) => timestamp(ms).slice(11, 23);

function duration(ms) {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < MINUTE) return `${(ms / SECOND).toFixed(ms < 10 * SECOND ? 2 : 1)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ${Math.round((ms % MINUTE) / SECOND)} s`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ${Math.round((ms % HOUR) / MINUTE)} min`;
  return `${Math.floor(ms / DAY)} d ${Math.round((ms % DAY) / HOUR)} h`;
}

// Ticks at round times, at most one for each `apart` pixels.
function ticks(from, to, width, apart) {
  const wanted = ((to - from) * apart) / Math.max(width, 1);
  const step = STEPS.find((one) => one >= wanted) || STEPS[STEPS.length - 1];
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push({ at, text: tickText(at, step) });
  return found;
}

function tickText(at, step) {
  if (step >= DAY) return dayOf(at);
  if (at % DAY === 0) return dayOf(at);
  if (step >= MINUTE) return clockOf(at).slice(0, 5);
  return step >= SECOND ? clockOf(at).slice(0, 8) : clockOf(at);
}
