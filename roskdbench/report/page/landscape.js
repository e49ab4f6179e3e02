"use strict";
// Surfaces of the loss that can be turned: quads of the grid, painted from the farthest to the nearest.
const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37]];
const view = { turn: 0.7, tilt: 0.95 };

function colour(part) {
  const place = Math.min(Math.max(part, 0), 1) * (VIRIDIS.length - 1), low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return `rgb(${VIRIDIS[low].map((value, c) => Math.round(value + (place - low) * (VIRIDIS[low + 1][c] - value))).join(" ")})`;
}

function paint(canvas, plane) {
  const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * scale; canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const half = Math.max(...plane.places.map(Math.abs));
  const [cosine, sine, up, flat] = [Math.cos(view.turn), Math.sin(view.turn), Math.sin(view.tilt), Math.cos(view.tilt)];
  const part = (loss) => (loss - plane.low) / Math.max(plane.high - plane.low, 1e-9);
  const seen = (a, b, loss) => {
    const x = a / half * cosine - b / half * sine, y = a / half * sine + b / half * cosine;
    return [x, y * flat - 1.1 * part(loss) * up, y];
  };
  const corners = plane.losses.map((row, j) => row.map((loss, i) => seen(plane.places[i], plane.places[j], loss)));
  const heights = corners.flat().map((corner) => corner[1]), top = Math.min(...heights), bottom = Math.max(...heights);
  const size = Math.min(width * 0.34, height * 0.42, height * 0.94 / (bottom - top));
  const points = corners.map((row) => row.map(([x, y, depth]) => [width / 2 + size * x, height / 2 + size * (y - (top + bottom) / 2), depth]));
  const quads = [];
  for (let j = 0; j + 1 < points.length; j++) for (let i = 0; i + 1 < points.length; i++) {
    const quad = [points[j][i], points[j][i + 1], points[j + 1][i + 1], points[j + 1][i]];
    const loss = (plane.losses[j][i] + plane.losses[j][i + 1] + plane.losses[j + 1][i + 1] + plane.losses[j + 1][i]) / 4;
    quads.push([quad.reduce((sum, corner) => sum + corner[2], 0), quad, colour(part(loss))]);
  }
  quads.sort((one, other) => one[0] - other[0]);
  pen.lineJoin = "round"; pen.lineWidth = 0.6;
  for (const [, quad, fill] of quads) {
    pen.beginPath();
    quad.forEach(([x, y], number) => number ? pen.lineTo(x, y) : pen.moveTo(x, y));
    pen.closePath();
    pen.fillStyle = pen.strokeStyle = fill; pen.fill(); pen.stroke();
  }
  const middle = (points.length - 1) / 2, [x, y] = points[middle][middle];
  pen.strokeStyle = "#ff5a1f"; pen.lineWidth = 2; pen.beginPath();
  pen.moveTo(x - 6, y); pen.lineTo(x + 6, y); pen.moveTo(x, y - 6); pen.lineTo(x, y + 6); pen.stroke();
}

const pictures = [...document.querySelectorAll(".landscape")].map((figure) => [figure.querySelector("select"), figure.querySelector("canvas"), figure.querySelector("figcaption")]);
function paintAll() {
  for (const [choice, canvas, caption] of pictures) {
    const plane = data.landscapes[choice.selectedIndex], middle = (plane.losses.length - 1) / 2;
    const most = plane.most === null ? "not finite everywhere" : `at most ${shown(plane.most)}`;
    paint(canvas, plane);
    canvas.setAttribute("aria-label", `Loss landscape of ${plane.name} on ${plane.problem}`);
    caption.textContent = `loss ${shown(plane.losses[middle][middle])} at the trained weights, ${most}; drawn from ${shown(plane.low)} to ${shown(plane.high)}`;
  }
}
function turn(turned, tilted) {
  view.turn += turned; view.tilt = Math.min(Math.max(view.tilt + tilted, 0), Math.PI / 2);
  paintAll();
}
for (const [choice, canvas] of pictures) {
  choice.addEventListener("change", paintAll);
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => { if (event.buttons) turn(event.movementX * -0.01, event.movementY * -0.01); });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
    if (step) { event.preventDefault(); turn(...step); }
  });
}
if (pictures.length) { addEventListener("resize", paintAll); paintAll(); }
