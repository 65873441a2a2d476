// The sheet: lines that are drawn with a brush, or a picture from a file.

export const by = id => document.getElementById(id);
export const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const SIZE = 280;
// The server's limit for a picture, in bytes. It is checked here too: a browser does not show the answer to a request
// that is refused before all of it was sent.
const MAX_PICTURE_BYTES = 16777216;

const sheet = by("sheet"), pen = sheet.getContext("2d"), brush = by("brush");
// What is on the sheet. It is stored as lines of points, so that it can be painted again in other colours. `picture` is
// a file and its image, which is null if the browser cannot show it.
let drawing = { lines: [], picture: null };
// What was on the sheet before each action.
let past = [];
// The line that is being drawn with the mouse, the pen of the keyboard, and the number of the last example.
let current = null, cursor = null, playing = 0;

let changed = () => {};
export function onChange(action) { changed = action; }
export const isBlank = () => !drawing.lines.length && !drawing.picture;
export const showsPicture = () => drawing.picture !== null;

export function problem(text) { by("problem").textContent = text; }

// Paints the sheet. Returns what the server shall read, a promise of a file, or null if there is nothing.
export function content() {
  paint();
  by("paper").classList.toggle("blank", isBlank());
  by("undo").disabled = !past.length;
  const file = isBlank() ? null
    : drawing.picture ? Promise.resolve(drawing.picture.file)
    : new Promise(done => black().toBlob(done, "image/png"));
  paintCursor();
  return file;
}

// The lines in black, whatever colour the sheet has on the screen: the network must read the same in every colour scheme.
function black() {
  const copy = document.createElement("canvas"), ink = copy.getContext("2d");
  copy.width = copy.height = SIZE;
  paintLines(ink, "#000");
  return copy;
}

function paint() {
  const { picture } = drawing;
  pen.clearRect(0, 0, SIZE, SIZE);
  if (picture?.image) {
    const { width, height } = picture.image, scale = SIZE / Math.max(width, height);
    pen.drawImage(picture.image, (SIZE - scale * width) / 2, (SIZE - scale * height) / 2, scale * width, scale * height);
  }
  paintLines(pen, colour("--text"));
}

function paintLines(pen, style) {
  pen.strokeStyle = pen.fillStyle = style;
  pen.lineCap = pen.lineJoin = "round";
  for (const { width, points } of drawing.lines) {
    // The first point is painted as a dot, because a line of length zero leaves no ink.
    pen.beginPath();
    pen.arc(...points[0], width / 2, 0, 7);
    pen.fill();
    pen.beginPath();
    pen.lineWidth = width;
    for (const point of points) pen.lineTo(...point);
    pen.stroke();
  }
}

function paintCursor() {
  if (!cursor) return;
  pen.beginPath();
  pen.strokeStyle = colour("--text");
  pen.lineWidth = 2;
  pen.arc(cursor.x, cursor.y, cursor.down ? brush.value / 2 : brush.value / 4, 0, 7);
  pen.stroke();
}

export function repaint() { paint(); paintCursor(); }

// Stores what is on the sheet for Undo, and puts something else on it. An example that is being drawn ends.
function replace(lines, picture = null) {
  past.push(drawing);
  if (past.length > 200) past.shift();
  drawing = { lines, picture };
  current = null;
  playing++;
  problem("");
}

function addLine(point) {
  const line = { width: Number(brush.value), points: [point] };
  // A line on a picture starts a new drawing.
  replace([...drawing.lines, line]);
  return line;
}

export function undo() {
  if (!past.length) return;
  drawing = past.pop();
  current = null;
  if (cursor) cursor.down = false;
  playing++;
  changed();
}

function clear() {
  if (cursor) cursor.down = false;
  if (!isBlank()) replace([]);
  problem("");
  changed();
}
by("undo").addEventListener("click", () => { problem(""); undo(); });
by("clear").addEventListener("click", clear);

// Mouse, finger and stylus.
function position(event) {
  const box = sheet.getBoundingClientRect();
  return [(event.clientX - box.left) * SIZE / box.width, (event.clientY - box.top) * SIZE / box.height];
}
sheet.addEventListener("pointerdown", event => {
  if (event.button) return;
  try { sheet.setPointerCapture(event.pointerId); } catch {}
  cursor = null;
  current = addLine(position(event));
  changed();
});
sheet.addEventListener("pointermove", event => {
  if (!current) return;
  for (const part of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) current.points.push(position(part));
  changed();
});
for (const end of ["pointerup", "pointercancel"]) sheet.addEventListener(end, () => { current = null; });

// Pictures: chosen, pasted, or dropped on the sheet.
async function load(file) {
  if (file.size > MAX_PICTURE_BYTES) return problem("This picture cannot be read: found a file of more than 16 MiB, expected at most 16 MiB.");
  const image = await createImageBitmap(file).catch(() => null);
  cursor = null;
  replace([], { file, image });
  changed();
}
by("open").addEventListener("click", () => by("file").click());
by("file").addEventListener("change", event => {
  const [file] = event.target.files;
  if (file) load(file);
  // So that the same file can be chosen again.
  event.target.value = "";
});
addEventListener("paste", event => {
  const [file] = event.clipboardData.files;
  if (file) load(file); else problem("What was pasted is not a picture.");
});
sheet.addEventListener("dragover", event => event.preventDefault());
sheet.addEventListener("drop", event => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) load(file); else problem("What was dropped is not a file.");
});

// The example digits: corners of lines on a grid of 10 × 10, smoothed when drawn.
const examples = [
  ["5,1 3,2 2.4,5 3,8 5,9 7,8 7.6,5 7,2 5,1"],
  ["5.4,1.2 4.8,5 4.4,8.8"],
  ["2.8,3 3.6,1.6 5.4,1.2 6.8,2.4 6.4,4.2 4.4,6.6 2.6,8.6 4.6,8.5 7.4,8.6"],
  ["2.8,2 4.6,1.2 6.6,2 6.4,3.8 4.4,4.8 6.6,5.6 6.9,7.4 5.2,8.8 2.8,8.2"],
  ["3.4,1.4 2.8,4 2.8,5.4 5,5.3 7.4,5", "6.7,1.4 6.4,5 6,8.8"],
  ["7,1.4 5.4,1.4 3.6,1.5 3.4,3 3.2,4.6 5,4.2 6.8,5.2 6.9,7.2 5.4,8.7 2.8,8.3"],
  ["6,1.2 4.2,2.8 3.2,5.2 3.2,7.4 4.4,8.8 6.2,8.4 6.8,6.8 5.8,5.4 4.2,5.6 3.2,7.2"],
  ["2.6,1.8 5,1.8 7.2,1.7 6.4,3.8 5.2,6.2 4.4,8.8"],
  ["6.6,2.2 5,1.2 3.4,2 3.6,3.6 5.2,4.8 6.8,6.4 6.6,8 5,8.8 3.4,8 3.4,6.4 5,4.8 6.4,3.4 6.6,2.2"],
  ["6.8,3 5.6,1.4 3.8,1.6 3,3.2 3.8,4.8 5.6,4.6 6.8,3 6.6,6 5.8,8.8"],
].map(digit => digit.map(line => line.split(" ").map(corner => corner.split(",").map(number => 28 * number))));

function smooth(corners) {
  // Chaikin's corner cutting, three times: each edge is shortened to its middle half, the end points stay.
  for (let time = 0; time < 3; time++) {
    const next = [corners[0]];
    for (let i = 0; i + 1 < corners.length; i++) {
      const [a, b] = [corners[i], corners[i + 1]], at = part => [a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])];
      next.push(at(.25), at(.75));
    }
    corners = [...next, corners[corners.length - 1]];
  }
  return corners;
}

// Draws an example point by point, so that the user sees the prediction change.
export async function example(digit) {
  cursor = null;
  replace([]);
  const mine = playing, width = 20;
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    drawing.lines = examples[digit].map(corners => ({ width, points: smooth(corners) }));
    return changed();
  }
  for (const corners of examples[digit]) {
    const line = { width, points: [] };
    for (const point of smooth(corners)) {
      if (mine !== playing) return;
      line.points.push(point);
      if (line.points.length === 1) drawing.lines.push(line);
      changed();
      await new Promise(requestAnimationFrame);
    }
  }
}

// The keyboard: arrows and space on the sheet, the other keys everywhere.
export function press(event) {
  if (event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    if (event.key === "z" && !event.shiftKey) { event.preventDefault(); problem(""); undo(); }
    return;
  }
  if (event.key === "Escape") return clear();
  if (document.activeElement !== sheet) return;
  const step = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] }[event.key];
  if (!step && event.key !== " ") return;
  event.preventDefault();
  cursor ??= { x: 140, y: 140, down: false };
  if (step) {
    cursor.x = Math.min(270, Math.max(10, cursor.x + step[0]));
    cursor.y = Math.min(270, Math.max(10, cursor.y + step[1]));
    if (cursor.down) drawing.lines[drawing.lines.length - 1].points.push([cursor.x, cursor.y]);
  } else {
    cursor.down = !cursor.down;
    if (cursor.down) addLine([cursor.x, cursor.y]);
  }
  changed();
}
sheet.addEventListener("blur", () => { cursor = null; repaint(); });
