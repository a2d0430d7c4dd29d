// The entry that is selected, whole, and the small box that follows the pointer.

const details = document.getElementById("details");
const tip = document.getElementById("tip");
const section = document.querySelector(".picture");

function select(index, { reveal = true } = {}) {
  page.selected = index;
  const entry = entries[index];
  if (entry && reveal) revealInPicture(entry);
  drawDetails(entry);
  revealInList();
  redraw();
}

function revealInPicture(entry) {
  const span = page.to - page.from;
  if (entry.at_ms < page.from + span * 0.03 || entry.at_ms > page.to - span * 0.03) show(entry.at_ms - span / 2, entry.at_ms + span / 2);
  const row = rowOfEntry(entry);
  if (row < 0) return;
  page.row = row;
  revealRow();
}

function revealRow() {
  const top = page.row * ROW;
  if (top < scroller.scrollTop || top + ROW > scroller.scrollTop + scroller.clientHeight) {
    scroller.scrollTop = top - (scroller.clientHeight - ROW) / 2;
  }
}

function drawDetails(entry) {
  if (!entry) {
    details.replaceChildren(element("p", "Choose a mark or a line to see it whole.", "quiet"));
    return;
  }
  const place = data.file ? ` --file ${data.file}` : "";
  const facts = element("dl");
  const tell = (name, value, tag) => {
    if (!value) return;
    const told = element("dd");
    told.append(tag ? element(tag, value) : value);
    facts.append(element("dt", name), told);
  };
  tell("Because", entry.because);
  tell("When", timestamp(entry.at_ms));
  tell("Since start", `+${duration(entry.at_ms - data.from_ms)}`);
  tell("Who", { cluster: "seen in the cluster", controller: "the controller", user: "a user" }[entry.who]);
  tell("Group", entry.group);
  tell("Pod", entry.pod);
  tell("Event", `#${entry.sequence}`);
  tell("Why", `lws-events why --at ${entry.sequence} ${data.set}${place}`, "code");
  tell("State then", `lws-events replay ${data.set} --at ${entry.sequence}${place}`, "code");
  details.replaceChildren(element("h2", entry.what), facts);
}

function showTip(lines, x, y) {
  tip.replaceChildren(...lines.map(([tag, text]) => element(tag, text)));
  tip.hidden = false;
  const room = section.getBoundingClientRect();
  tip.style.left = `${Math.max(Math.min(x + 14, room.width - tip.offsetWidth - 8), 4)}px`;
  tip.style.top = `${y + 18 + tip.offsetHeight > room.height ? Math.max(y - tip.offsetHeight - 12, 2) : y + 18}px`;
}

function hideTip() {
  tip.hidden = true;
}

function tipOfMark({ members }) {
  const lines = [];
  for (const one of members.slice(0, 4)) {
    const entry = entries[one];
    lines.push(["b", entry.what]);
    if (entry.because) lines.push(["span", `← ${entry.because}`]);
    lines.push(["span", `${clockOf(entry.at_ms)}  #${entry.sequence}`]);
  }
  if (members.length > 4) lines.push(["span", `and ${members.length - 4} more: zoom in`]);
  return lines;
}

function tipOfBar({ row, interval }) {
  const end = interval.to_ms === null ? data.to_ms : interval.to_ms;
  const lines = [["b", `${row.label}: ${interval.state}`]];
  if (interval.detail) lines.push(["span", row.type === "pod" ? `on node ${interval.detail}` : interval.detail]);
  const still = interval.to_ms === null ? ", and still is" : "";
  lines.push(["span", `for ${duration(end - interval.from_ms)}${still}`]);
  lines.push(["span", `since ${clockOf(interval.from_ms)}  #${interval.sequence}`]);
  return lines;
}
