<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Gradus: draw a digit</title>
<style>
:root {
  --ground: #f6f4ef; --card: #fff; --line: #dcd7cc; --text: #22252b; --quiet: #646872; --ink: #1d2230; --glow: 196 84 20; --accent: #b3470f; --track: #ece8df;
}
@media (prefers-color-scheme: dark) {
  :root { --ground: #14161b; --card: #1d2027; --line: #343842; --text: #e9e7e2; --quiet: #a0a4ae; --ink: #f3efe6; --glow: 255 166 82; --accent: #ffa652; --track: #2a2e37; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 20px 16px 32px; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 2px; }
h2 { font-size: 1rem; margin: 0 0 10px; }
p { margin: 0; }
.quiet { color: var(--quiet); font-size: .875rem; }
.columns { display: grid; grid-template: "sheet answer" auto "examples answer" 1fr / 316px minmax(0, 1fr); gap: 16px; margin-top: 18px; }
.columns > :nth-child(1) { grid-area: sheet; }
.columns > :nth-child(2) { grid-area: answer; display: flex; flex-direction: column; }
.columns > :nth-child(3) { grid-area: examples; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px; min-width: 0; }
.paper { position: relative; max-width: 340px; margin: 0 auto; }
.paper.blank::after { content: "Draw here"; position: absolute; inset: 0; display: grid; place-items: center; color: var(--quiet); pointer-events: none; }
#sheet { display: block; width: 100%; aspect-ratio: 1; border: 1px solid var(--quiet); border-radius: 8px; background: var(--ground); touch-action: none; cursor: crosshair; }
button { font: inherit; color: inherit; background: var(--track); border: 1px solid var(--line); border-radius: 8px; min-height: 44px; cursor: pointer; }
button:hover { border-color: var(--accent); }
button:focus-visible, canvas:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.keys { display: grid; grid-template-columns: repeat(5, 1fr); gap: 6px; margin: 6px 0 0; }
#clear { width: 100%; margin: 12px 0 0; }
.hint { margin-top: 8px; }
.paper:not(:has(#sheet:focus-visible)) ~ .hint { display: none; }
.answer { display: flex; align-items: center; gap: 16px; margin-bottom: 12px; }
#digit { font-size: 4rem; line-height: 1; font-weight: 700; min-width: 1.1em; text-align: center; font-variant-numeric: tabular-nums; }
#digit.word { font-size: 1.75rem; overflow-wrap: anywhere; }
.seen { margin: 0 0 0 auto; flex: none; text-align: center; color: var(--quiet); font-size: .75rem; }
#seen { display: block; width: 84px; height: 84px; image-rendering: pixelated; border-radius: 6px; background: var(--track); }
#bars { list-style: none; margin: 0; padding: 0; flex: 1; display: grid; grid-auto-rows: 1fr; }
#bars li { display: grid; grid-template-columns: var(--label, 1.2em) minmax(0, 1fr) 4.2em; gap: 8px; align-items: center; font-variant-numeric: tabular-nums; line-height: 1.6; }
#bars li > :first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
/* More classes than a column has room for: columns beside each other, filled from top to bottom. */
#bars.many { display: block; columns: calc(var(--label, 1.2em) + 8em) auto; column-gap: 16px; }
#bars.many li { break-inside: avoid; }
#bars .track { height: 12px; border-radius: 6px; background: var(--track); overflow: hidden; }
#bars .bar { display: block; height: 100%; width: 0; border-radius: 6px; background: var(--quiet); transition: width .12s; }
#bars .best > :first-child, #bars .best .share { font-weight: 700; }
#bars .best .bar { background: var(--accent); }
#bars .share { text-align: right; font-size: .875rem; }
.wide { margin-top: 16px; }
.layers { display: grid; gap: 14px; }
.layer canvas { display: block; width: 100%; image-rendering: pixelated; border-radius: 6px; background: var(--track); margin-top: 4px; }
.curves { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; margin-top: 10px; }
.plot { position: relative; margin-top: 4px; }
.plot span { position: absolute; color: var(--quiet); font-size: .75rem; line-height: 1; }
.plot .high { left: 6px; top: 6px; }
.plot .low { left: 6px; bottom: 6px; }
.plot .end { right: 6px; bottom: 6px; }
#losses ~ .end { bottom: auto; top: 6px; }
.curves svg { display: block; width: 100%; height: 160px; background: var(--ground); border-radius: 6px; }
.curves path { fill: none; stroke: var(--accent); stroke-width: 2; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
.hidden { display: none; }
@media (max-width: 720px) {
  main { padding: 12px 12px 24px; }
  .card { padding: 12px; }
  /* The drawing and the prediction are on the screen together. */
  .columns { grid-template: "sheet" "answer" "examples" / minmax(0, 1fr); gap: 12px; margin-top: 12px; }
  .wide { margin-top: 12px; }
  #bars:not(.many) { grid: auto-flow / repeat(2, minmax(0, 1fr)); grid-template-rows: repeat(5, auto); grid-auto-flow: column; gap: 0 16px; }
  .answer { margin-bottom: 4px; }
  .curves { gap: 12px; }
  .curves svg { height: 100px; }
}
@media (prefers-reduced-motion: reduce) { #bars .bar { transition: none; } }
</style>
</head>
<body>
<main>
<h1 id="task">Draw a digit</h1>
<p class="quiet">A network of three layers classifies your drawing while you draw. <span id="stays">Everything stays on this computer.</span></p>

<section id="training" class="card wide hidden" aria-label="Training">
  <h2 id="stage">Training</h2>
  <p class="quiet">You can already draw: the network predicts with what it has learned so far.</p>
  <div class="curves">
    <div>
      <span class="quiet">Loss: <b id="loss"></b></span>
      <div class="plot"><svg id="losses" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="Loss over the epochs, on a logarithmic scale"><path/></svg><span class="high"></span><span class="low"></span><span class="end"></span></div>
    </div>
    <div>
      <span class="quiet">Test accuracy: <b id="accuracy"></b></span>
      <div class="plot"><svg id="accuracies" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="Test accuracy over the epochs"><path/></svg><span class="high"></span><span class="low"></span><span class="end"></span></div>
    </div>
  </div>
</section>

<div class="columns">
  <section class="card" aria-label="Drawing">
    <div class="paper blank" id="paper"><canvas id="sheet" width="280" height="280" tabindex="0" role="application" aria-label="Drawing area" aria-describedby="hint"></canvas></div>
    <p class="quiet hint" id="hint">Arrow keys move the pen, space lowers or lifts it, Escape clears.<span class="digits"> Keys 0 to 9 draw an example digit.</span></p>
    <button id="clear" type="button">Clear</button>
  </section>
  <section class="card" aria-label="Prediction">
    <div class="answer">
      <span id="digit" aria-hidden="true">?</span>
      <p id="says" role="status">Nothing is drawn yet.</p>
      <figure class="seen"><canvas id="seen" width="28" height="28" role="img" aria-label="The input of the network, 28 by 28 pixels"></canvas><figcaption>network input</figcaption></figure>
    </div>
    <ol id="bars" aria-label="Probabilities"></ol>
  </section>
  <section class="card digits" aria-label="Examples">
    <p class="quiet">Or draw an example (keys 0 to 9):</p>
    <div class="keys" id="keys"></div>
  </section>
</div>

<section class="card wide" aria-label="Hidden layers">
  <h2>Activations of the hidden layers</h2>
  <div class="layers" id="layers"><p class="quiet">Each square is a neuron: the higher its activation, the brighter the square.</p></div>
</section>
</main>

<script>
"use strict";
const by = id => document.getElementById(id);
const sheet = by("sheet"), pen = sheet.getContext("2d");
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
// The drawing is stored as lines, so that it can be drawn again in other colours.
let lines = [], current = null, cursor = null;

function paint() {
  pen.clearRect(0, 0, 280, 280);
  pen.strokeStyle = pen.fillStyle = colour("--ink");
  pen.lineWidth = 20;
  pen.lineCap = pen.lineJoin = "round";
  for (const line of lines) {
    pen.beginPath();
    pen.moveTo(...line[0]);
    for (const point of line) pen.lineTo(...point);
    pen.stroke();
  }
}

function paintCursor() {
  if (!cursor) return;
  pen.beginPath();
  pen.strokeStyle = colour("--accent");
  pen.lineWidth = 2;
  pen.arc(cursor.x, cursor.y, cursor.down ? 10 : 6, 0, 7);
  pen.stroke();
}

// Only one request at a time. While it runs, changes are only marked; then the latest drawing is sent.
let asking = false, stale = false;
async function changed() {
  if (asking) { stale = true; return; }
  asking = true;
  do {
    stale = false;
    paint();
    by("paper").classList.toggle("blank", !lines.length);
    if (!lines.length) { forget(); paintCursor(); continue; }
    const picture = new Promise(done => sheet.toBlob(done, "image/png"));
    paintCursor();
    try {
      const answer = await fetch("/predict", { method: "POST", headers: { "Content-Type": "image/png" }, body: await picture });
      const value = await answer.json();
      if (!answer.ok) throw new Error(value.error);
      if (lines.length) show(value);
    } catch (error) {
      by("says").textContent = error instanceof TypeError ? "The server program is not running any more." : error.message;
    }
  } while (stale);
  asking = false;
}

const percent = share => (100 * share).toFixed(1) + "%";

// The names of the classes, and whether the ten digits are among them.
let labels = [], knowsDigits = false;

function setLabels(names) {
  labels = names;
  const bars = by("bars"), longest = Math.max(...labels.map(label => [...label].length));
  bars.replaceChildren(...labels.map(label => {
    const item = document.createElement("li");
    item.innerHTML = '<span></span><span class="track"><span class="bar"></span></span><span class="share"></span>';
    item.firstChild.textContent = item.firstChild.title = label;
    return item;
  }));
  bars.classList.toggle("many", labels.length > 12);
  if (longest > 1) bars.style.setProperty("--label", Math.min(longest, 14) + "ch");
  by("digit").classList.toggle("word", longest > 2);
  knowsDigits = [..."0123456789"].every(digit => labels.includes(digit));
  by("task").textContent = knowsDigits && labels.length === 10 ? "Draw a digit" : longest === 1 ? "Draw a character" : "Draw";
  document.querySelectorAll(".digits").forEach(part => part.classList.toggle("hidden", !knowsDigits));
  if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) by("stays").textContent = `What you draw is sent to ${location.host}, and nowhere else.`;
  forget();
}

function setBars(probabilities, best) {
  const bars = by("bars");
  probabilities.forEach((share, index) => {
    const item = bars.children[index];
    item.className = index === best ? "best" : "";
    item.querySelector(".bar").style.width = 100 * share + "%";
    item.lastChild.textContent = share === null ? "" : percent(share);
  });
}

// Draws values from 0 to 1 as squares, `columns` in a row.
function light(canvas, values, columns) {
  canvas.width = columns;
  canvas.height = Math.ceil(values.length / columns);
  const context = canvas.getContext("2d"), glow = colour("--glow");
  values.forEach((value, index) => {
    context.fillStyle = `rgb(${glow} / ${value})`;
    context.fillRect(index % columns, Math.floor(index / columns), 1, 1);
  });
}

const narrow = matchMedia("(max-width: 720px)");
let last = null;
function show(value) {
  last = value;
  const probability = percent(value.probabilities[value.class]);
  by("digit").textContent = value.label;
  by("says").textContent = `Predicted: ${value.label}, probability ${probability}.`;
  setBars(value.probabilities, value.class);
  light(by("seen"), value.pixels, 28);
  for (const { name, activations } of value.hidden) {
    let layer = by("layer-" + name);
    if (!layer) {
      layer = document.createElement("div");
      layer.className = "layer";
      layer.id = "layer-" + name;
      layer.innerHTML = '<span class="quiet"></span><canvas role="img"></canvas>';
      by("layers").append(layer);
    }
    const largest = Math.max(...activations), active = activations.filter(value => value > 0).length;
    const text = `Layer ${name}: ${active} of ${activations.length} neurons are active`;
    layer.firstChild.textContent = text;
    layer.lastChild.setAttribute("aria-label", text);
    light(layer.lastChild, activations.map(value => largest > 0 ? value / largest : 0), narrow.matches ? 32 : 64);
  }
}

function forget() {
  last = null;
  by("digit").textContent = "?";
  by("says").textContent = "Nothing is drawn yet.";
  setBars(labels.map(() => null), -1);
  light(by("seen"), Array(784).fill(0), 28);
  document.querySelectorAll(".layer").forEach(layer => layer.remove());
}

// Mouse, finger and stylus.
function position(event) {
  const box = sheet.getBoundingClientRect();
  return [(event.clientX - box.left) * 280 / box.width, (event.clientY - box.top) * 280 / box.height];
}
sheet.addEventListener("pointerdown", event => {
  if (event.button) return;
  try { sheet.setPointerCapture(event.pointerId); } catch {}
  cursor = null;
  current = [position(event)];
  lines.push(current);
  changed();
});
sheet.addEventListener("pointermove", event => {
  if (!current) return;
  for (const part of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) current.push(position(part));
  changed();
});
for (const end of ["pointerup", "pointercancel"]) sheet.addEventListener(end, () => { current = null; });

function clear() {
  lines = [];
  current = null;
  if (cursor) cursor.down = false;
  changed();
}
by("clear").addEventListener("click", clear);

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
let drawing = 0;
async function example(digit) {
  const mine = ++drawing;
  lines = [];
  cursor = null;
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    lines = examples[digit].map(smooth);
    return changed();
  }
  for (const corners of examples[digit]) {
    const line = [];
    for (const point of smooth(corners)) {
      if (mine !== drawing) return;
      line.push(point);
      if (line.length === 1) lines.push(line);
      changed();
      await new Promise(requestAnimationFrame);
    }
  }
}
for (let digit = 0; digit < 10; digit++) {
  const key = document.createElement("button");
  key.type = "button";
  key.textContent = digit;
  key.setAttribute("aria-label", `Draw a ${digit}`);
  key.addEventListener("click", () => example(digit));
  by("keys").append(key);
}
sheet.addEventListener("pointerdown", () => { drawing++; }, true);
by("clear").addEventListener("click", () => { drawing++; }, true);

addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^[0-9]$/.test(event.key) && knowsDigits) return void example(Number(event.key));
  if (event.key === "Escape") { drawing++; return clear(); }
  if (document.activeElement !== sheet) return;
  const step = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] }[event.key];
  if (!step && event.key !== " ") return;
  event.preventDefault();
  drawing++;
  cursor ??= { x: 140, y: 140, down: false };
  if (step) {
    cursor.x = Math.min(270, Math.max(10, cursor.x + step[0]));
    cursor.y = Math.min(270, Math.max(10, cursor.y + step[1]));
    if (cursor.down) lines[lines.length - 1].push([cursor.x, cursor.y]);
  } else {
    cursor.down = !cursor.down;
    if (cursor.down) lines.push([[cursor.x, cursor.y]]);
  }
  changed();
});
sheet.addEventListener("blur", () => { cursor = null; if (!asking) paint(); });
for (const look of [matchMedia("(prefers-color-scheme: dark)"), narrow]) look.addEventListener("change", () => { paint(); paintCursor(); if (last) show(last); });

// A training run, if there is one.
function curve(id, points, [from, to], epochs, label) {
  const x = value => (100 * value / epochs).toFixed(2), y = value => (4 + 92 * (1 - (value - from) / (to - from || 1))).toFixed(2);
  by(id).firstElementChild.setAttribute("d", points.map((point, index) => (index ? "L" : "M") + x(point[0]) + " " + y(point[1])).join(""));
  const say = (selector, text) => { by(id).parentElement.querySelector(selector).textContent = text; };
  say(".high", label(to));
  say(".low", label(from));
  say(".end", `epoch ${epochs}`);
}
async function follow() {
  try {
    const { training } = await (await fetch("/progress")).json();
    if (!training) return;
    const { epochs, losses, accuracies, images_per_second, finished } = training;
    by("training").classList.remove("hidden");
    const speed = `${Math.round(images_per_second).toLocaleString("en")} images/s`;
    by("stage").textContent = finished ? `Trained: ${accuracies.length} ${accuracies.length === 1 ? "epoch" : "epochs"}` : `Training: epoch ${Math.min(accuracies.length + 1, epochs)} of ${epochs}, ${speed}`;
    if (losses.length) {
      by("loss").textContent = losses[losses.length - 1][1].toFixed(4);
      // On a logarithmic scale: on a linear one everything after the first epoch would be close to zero.
      const sizes = losses.filter(point => point[1] > 0).map(point => [point[0], Math.log10(point[1])]), all = sizes.map(point => point[1]);
      if (all.length) curve("losses", sizes, [Math.min(...all), Math.max(...all)], epochs, size => String(Number((10 ** size).toPrecision(2))));
    }
    if (accuracies.length) {
      by("accuracy").textContent = (100 * accuracies[accuracies.length - 1]).toFixed(2) + "%";
      const points = accuracies.map((share, index) => [index + 1, share]), low = Math.min(.9, ...accuracies);
      // A single point, twice, is a dot.
      curve("accuracies", [points[0], ...points], [low, 1], epochs, share => Math.round(100 * share) + "%");
    }
    if (lines.length) changed();
    if (finished) return;
  } catch { return; }
  setTimeout(follow, 400);
}
async function start() {
  try {
    setLabels((await (await fetch("/labels")).json()).labels);
    follow();
  } catch { by("says").textContent = "The server program is not running any more."; }
}
start();
</script>
</body>
</html>
