// Which rows the picture has: conditions, the set, each group, and the pods of the groups that are open.

const OPEN_ROWS_MAX = 40; // with more, only groups in which something went wrong are open at first

const groups = new Map(); // token → {name, lane, pods, marks, own}: all marks, and those of no single pod
const setMarks = [];
const podMarks = new Map();
const opened = new Set();
let rows = [];

function groupOf(name) {
  if (!groups.has(name)) groups.set(name, { name, lane: null, pods: [], marks: [], own: [] });
  return groups.get(name);
}

for (const lane of data.groups) groupOf(lane.group).lane = lane;
for (const lane of data.pods) {
  groupOf(lane.group).pods.push(lane);
  podMarks.set(lane.name, []);
}
entries.forEach((entry, index) => {
  if (!MARKED.has(entry.kind)) return;
  if (!entry.group) {
    setMarks.push(index);
    return;
  }
  const group = groupOf(entry.group);
  group.marks.push(index);
  (podMarks.get(entry.pod) || group.own).push(index);
});

const ordered = [...groups.values()].sort((one, two) => naturally.compare(one.name, two.name));

function openAtFirst() {
  let count = data.conditions.length + 1 + ordered.length;
  const troubled = (group) => group.marks.some((index) => ["restart", "failure", "held"].includes(entries[index].kind));
  for (const group of [...ordered.filter(troubled), ...ordered.filter((one) => !troubled(one))]) {
    if (count + group.pods.length > OPEN_ROWS_MAX) continue;
    count += group.pods.length;
    opened.add(group.name);
  }
}

function layOut() {
  rows = data.conditions.map((lane) => ({ type: "condition", label: lane.name, lane, marks: [] }));
  rows.push({ type: "set", label: data.set, lane: null, marks: setMarks });
  for (const group of ordered) {
    const open = opened.has(group.name);
    const label = group.name ? `group ${group.name}` : "no group";
    rows.push({ type: "group", label, group, lane: group.lane, open, marks: open ? group.own : group.marks });
    if (!open) continue;
    for (const lane of group.pods) rows.push({ type: "pod", label: lane.name, group, lane, marks: podMarks.get(lane.name) });
  }
  page.row = Math.min(page.row, rows.length - 1);
}

function rowOfEntry(entry) {
  const ofPod = rows.findIndex((row) => row.type === "pod" && row.label === entry.pod);
  if (ofPod >= 0) return ofPod;
  return rows.findIndex((row) => (entry.group ? row.type === "group" && row.group.name === entry.group : row.type === "set"));
}

function toggleGroup(row) {
  if (!row || row.type !== "group") return;
  if (row.open) opened.delete(row.group.name);
  else opened.add(row.group.name);
  layOut();
}

function toggleAll() {
  const all = ordered.length > 0 && ordered.every((group) => opened.has(group.name));
  opened.clear();
  if (!all) for (const group of ordered) opened.add(group.name);
  layOut();
  return !all;
}
