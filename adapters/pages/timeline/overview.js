// How many pods were ready over the whole time, and which part of it the picture shows.

const overviewCanvas = document.getElementById("overview");

const readiness = (() => {
  const steps = [];
  for (const lane of data.pods) {
    for (const one of lane.intervals) {
      if (one.state !== "ready") continue;
      steps.push([one.from_ms, 1]);
      if (one.to_ms !== null) steps.push([one.to_ms, -1]);
    }
  }
  steps.sort((one, two) => one[0] - two[0]);
  const series = [[whole.from, 0]];
  for (const [at, step] of steps) {
    const before = series[series.length - 1];
    if (before[0] === at) before[1] += step;
    else series.push([at, before[1] + step]);
  }
  return series;
})();
const readyMax = readiness.reduce((most, [, count]) => Math.max(most, count), 1);

const overviewX = (ms, width) => ((ms - whole.from + margin) / (whole.to - whole.from + 2 * margin)) * width;
const overviewTime = (x, width) => whole.from - margin + (x / width) * (whole.to - whole.from + 2 * margin);

function drawOverview() {
  const { pen, width, height } = prepared(overviewCanvas);
  const y = (count) => height - 4 - (count / readyMax) * (height - 12);
  pen.beginPath();
  pen.moveTo(overviewX(whole.from, width), y(0));
  let level = 0;
  for (const [at, count] of readiness) {
    const x = overviewX(at, width);
    pen.lineTo(x, y(level));
    pen.lineTo(x, y(count));
    level = count;
  }
  pen.lineTo(overviewX(data.to_ms, width), y(level));
  pen.strokeStyle = colour("ready-edge");
  pen.lineWidth = 1.2;
  pen.stroke();
  pen.lineTo(overviewX(data.to_ms, width), y(0));
  pen.closePath();
  pen.fillStyle = colour("ready");
  pen.fill();
  for (const entry of entries) {
    if (entry.kind !== "restart" || !page.kinds.has("restart")) continue;
    pen.fillStyle = markColour("restart");
    pen.fillRect(overviewX(entry.at_ms, width) - 1, 0, 2, 7);
  }
  const from = overviewX(page.from, width), to = overviewX(page.to, width);
  pen.fillStyle = colour("panel");
  pen.globalAlpha = 0.72;
  pen.fillRect(0, 0, from, height);
  pen.fillRect(to, 0, width - to, height);
  pen.globalAlpha = 1;
  pen.strokeStyle = colour("accent");
  pen.lineWidth = 1.5;
  pen.strokeRect(from + 0.75, 0.75, Math.max(to - from - 1.5, 2), height - 1.5);
  pen.fillStyle = colour("quiet");
  pen.fillText(String(readyMax), 4, 9);
}
