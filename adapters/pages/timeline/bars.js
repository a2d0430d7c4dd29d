// Bars of states, and a canvas that is ready to draw on: also the page /ui has them from here.

function prepared(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = '11px system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif';
  pen.textBaseline = "middle";
  return { pen, width, height };
}

// `edges`: what is visible; what lies beyond need not be hatched.
function drawBar(pen, { from, to, top, thick, name, open, edges }) {
  pen.fillStyle = colour(name);
  pen.strokeStyle = colour(`${name}-edge`);
  pen.lineWidth = 1;
  pen.beginPath();
  if (to - from > 6) pen.roundRect(from + 0.5, top + 0.5, to - from - 1, thick - 1, open ? [3, 0, 0, 3] : 3);
  else pen.rect(from, top + 0.5, Math.max(to - from, 1.5), thick - 1);
  pen.fill();
  if (name === "terminating" && to - from > 5) hatch(pen, { from, to, top, thick, edges });
  if (to - from > 3) pen.stroke();
  else {
    pen.fillStyle = pen.strokeStyle;
    pen.fillRect(from, top, Math.max(to - from, 1.5), thick);
  }
}

function hatch(pen, { from, to, top, thick, edges }) {
  pen.save();
  pen.clip();
  pen.globalAlpha = 0.45;
  pen.beginPath();
  const start = Math.floor(Math.max(from, edges[0]) / 6) * 6;
  for (let x = start - thick; x < Math.min(to, edges[1]); x += 6) {
    pen.moveTo(x, top + thick);
    pen.lineTo(x + thick, top);
  }
  pen.stroke();
  pen.restore();
  pen.beginPath();
  pen.roundRect(from + 0.5, top + 0.5, to - from - 1, thick - 1, 3);
}
