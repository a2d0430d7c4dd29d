// What the page shows: the data block, and what is derived from it once. Texts in it are hostile; they only ever become
// text nodes and text on a canvas.

const data = JSON.parse(document.getElementById("data").textContent);
const entries = data.entries;

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
