// Colours of the theme, and the shape of each kind of mark: a shape of its own, so that colour is never all that tells.

const palette = new Map();
const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

// A canvas does not know the page's variables; the style of an element does, also in `light-dark()`.
function colour(name) {
  if (!palette.has(name)) {
    probe.style.color = `var(--${name})`;
    palette.set(name, getComputedStyle(probe).color);
  }
  return palette.get(name);
}

const markColour = (kind) => colour(MARKED.has(kind) ? `mark-${kind}` : "mark-other");

const SHAPES = {
  restart(pen, r) { // a turning arrow
    pen.beginPath();
    pen.arc(0, 0, r * 0.8, -0.4, Math.PI * 1.45);
    pen.stroke();
    pen.beginPath();
    pen.moveTo(r * 1.2, -r * 0.75);
    pen.lineTo(r * 0.25, -r * 0.55);
    pen.lineTo(r * 0.95, r * 0.2);
    pen.closePath();
    pen.fill();
  },
  failure(pen, r) { // a cross
    pen.beginPath();
    pen.moveTo(-r * 0.75, -r * 0.75);
    pen.lineTo(r * 0.75, r * 0.75);
    pen.moveTo(r * 0.75, -r * 0.75);
    pen.lineTo(-r * 0.75, r * 0.75);
    pen.stroke();
  },
  refused(pen, r) { // a barred circle
    pen.beginPath();
    pen.arc(0, 0, r * 0.85, 0, Math.PI * 2);
    pen.moveTo(-r * 0.6, r * 0.6);
    pen.lineTo(r * 0.6, -r * 0.6);
    pen.stroke();
  },
  held(pen, r) { // pause
    pen.fillRect(-r * 0.75, -r * 0.85, r * 0.5, r * 1.7);
    pen.fillRect(r * 0.25, -r * 0.85, r * 0.5, r * 1.7);
  },
  wait(pen, r) { // an hourglass
    pen.beginPath();
    pen.moveTo(-r * 0.75, -r * 0.9);
    pen.lineTo(r * 0.75, -r * 0.9);
    pen.lineTo(-r * 0.75, r * 0.9);
    pen.lineTo(r * 0.75, r * 0.9);
    pen.closePath();
    pen.fill();
  },
  rollout(pen, r) { // upwards
    pen.beginPath();
    pen.moveTo(0, -r);
    pen.lineTo(r * 0.95, r * 0.75);
    pen.lineTo(-r * 0.95, r * 0.75);
    pen.closePath();
    pen.fill();
  },
  change(pen, r) { // a diamond
    pen.beginPath();
    pen.moveTo(0, -r);
    pen.lineTo(r, 0);
    pen.lineTo(0, r);
    pen.lineTo(-r, 0);
    pen.closePath();
    pen.fill();
  },
  condition(pen, r) { // a flag
    pen.beginPath();
    pen.moveTo(-r * 0.55, r);
    pen.lineTo(-r * 0.55, -r);
    pen.lineTo(r * 0.8, -r * 0.45);
    pen.lineTo(-r * 0.55, r * 0.15);
    pen.stroke();
    pen.fill();
  },
};

function other(pen, r) {
  pen.beginPath();
  pen.arc(0, 0, r * 0.4, 0, Math.PI * 2);
  pen.fill();
}

// The halo keeps a mark apart from the bar below it.
function drawMark(pen, kind, x, y, r, { halo = true, faint = false, ring = false } = {}) {
  pen.save();
  pen.translate(x, y);
  pen.globalAlpha = faint ? 0.22 : 1;
  pen.lineJoin = pen.lineCap = "round";
  if (halo) {
    pen.fillStyle = colour("halo");
    pen.beginPath();
    pen.arc(0, 0, r + 2.5, 0, Math.PI * 2);
    pen.fill();
  }
  if (ring) {
    pen.strokeStyle = colour("accent");
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(0, 0, r + 4, 0, Math.PI * 2);
    pen.stroke();
  }
  pen.fillStyle = pen.strokeStyle = markColour(kind);
  pen.lineWidth = Math.max(1.6, r * 0.4);
  (SHAPES[kind] || other)(pen, r);
  pen.restore();
}

// A small picture of a kind, for buttons and lists.
function icon(kind) {
  const made = document.createElement("canvas");
  made.setAttribute("aria-hidden", "true");
  drawIcon(made, kind);
  return made;
}

function drawIcon(made, kind) {
  if (made.width !== 32) made.width = made.height = 32;
  const pen = made.getContext("2d");
  pen.setTransform(2, 0, 0, 2, 0, 0);
  pen.clearRect(0, 0, 16, 16);
  drawMark(pen, kind, 8, 8, 5, { halo: false });
}
