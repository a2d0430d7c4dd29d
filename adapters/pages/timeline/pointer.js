// The pointer: drag moves, the wheel zooms or scrolls, hovering tells, a click selects.

const WHEEL = 0.0016;
const NEAR = 9;

function markAt(x, y) {
  let best = null;
  for (const mark of drawn.marks) {
    const distance = Math.hypot(mark.x - x, mark.y - y);
    if (distance <= NEAR && (best === null || distance < best.distance)) best = { mark, distance };
  }
  return best && best.mark;
}

const barAt = (x, y) => drawn.bars.find((bar) => x >= bar.from && x <= bar.to && y >= bar.top && y <= bar.bottom);

function place(event) {
  const box = lanesCanvas.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function hover(event) {
  const { x, y } = place(event);
  pointerX = x > left() ? x : null;
  const mark = markAt(x, y);
  const bar = mark ? null : barAt(x, y);
  if (mark) showTip(tipOfMark(mark), x, y + axisCanvas.clientHeight);
  else if (bar) showTip(tipOfBar(bar), x, y + axisCanvas.clientHeight);
  else hideTip();
  redraw();
}

function click(event) {
  const { x, y } = place(event);
  page.row = Math.min(Math.floor((y + scroller.scrollTop) / ROW), rows.length - 1);
  const mark = markAt(x, y);
  if (mark) {
    const present = mark.members.indexOf(page.selected);
    select(mark.members[(present + 1) % mark.members.length], { reveal: false });
  }
  redraw();
}

function draggable(canvas, moved, clicked) {
  canvas.addEventListener("pointerdown", (down) => {
    if (down.button !== 0) return;
    canvas.setPointerCapture(down.pointerId);
    let last = down, far = 0;
    const move = (event) => {
      far += Math.abs(event.clientX - last.clientX) + Math.abs(event.clientY - last.clientY);
      if (far > 3) {
        canvas.classList.add("dragged");
        hideTip();
        moved(event, last);
      }
      last = event;
    };
    const up = (event) => {
      canvas.removeEventListener("pointermove", move);
      canvas.removeEventListener("pointerup", up);
      canvas.removeEventListener("pointercancel", up);
      canvas.classList.remove("dragged");
      if (far <= 3 && event.type === "pointerup") clicked(event);
    };
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
  });
}

function panBy(pixels) {
  pan(-pixels / breadth());
}

draggable(lanesCanvas, (event, last) => {
  panBy(event.clientX - last.clientX);
  scroller.scrollTop -= event.clientY - last.clientY;
}, click);
draggable(axisCanvas, (event, last) => panBy(event.clientX - last.clientX), () => {});

function centreOverview(event) {
  const box = overviewCanvas.getBoundingClientRect();
  const at = overviewTime(event.clientX - box.left, box.width), half = (page.to - page.from) / 2;
  show(at - half, at + half);
}
draggable(overviewCanvas, centreOverview, centreOverview);

lanesCanvas.addEventListener("pointermove", (event) => { if (event.buttons === 0) hover(event); });
lanesCanvas.addEventListener("pointerleave", () => {
  pointerX = null;
  hideTip();
  redraw();
});

// Without a modifier the wheel scrolls the rows; where all rows fit there is nothing to scroll, and it zooms.
function wheel(event) {
  const x = event.clientX - scroller.getBoundingClientRect().left;
  const scrolls = event.currentTarget === scroller && rows.length * ROW > scroller.clientHeight;
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) panBy(-(event.deltaX || event.deltaY));
  else if (event.ctrlKey || event.metaKey || !scrolls) zoom(Math.exp(event.deltaY * WHEEL), timeAt(Math.max(x, left())));
  else return;
  event.preventDefault();
}
for (const place of [scroller, axisCanvas, overviewCanvas]) place.addEventListener("wheel", wheel, { passive: false });
scroller.addEventListener("scroll", redraw, { passive: true });
