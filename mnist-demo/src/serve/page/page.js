// The page: asks the server what is on the sheet, and shows the answer and the progress of a training run.

import { by, colour, content, example, isBlank, onChange, press, problem, repaint, showsPicture, undo } from "/sheet.js";

// Only one request at a time. While it runs, changes are only marked; then what is on the sheet then is sent. The first
// request is for the labels: no answer can be shown without them.
let asking = true, stale = false;
async function changed() {
  if (asking) { stale = true; repaint(); return; }
  asking = true;
  do {
    stale = false;
    const file = content();
    if (!file) { forget(); continue; }
    const isPicture = showsPicture();
    try {
      const headers = { "Content-Type": isPicture ? "application/octet-stream" : "image/png" };
      const answer = await fetch(explains ? "/explain" : "/predict", { method: "POST", headers, body: await file });
      const value = await answer.json();
      if (answer.ok) { if (!isBlank()) show(value); }
      else if (isPicture) { problem(`This picture cannot be read: ${value.error}.`); undo(); }
      else by("says").textContent = value.error;
    } catch { by("says").textContent = "The server program is not running any more."; }
  } while (stale);
  asking = false;
}
onChange(changed);

const percent = share => (100 * share).toFixed(1) + "%";

// The names of the classes, whether the ten digits are among them, and what the user is asked to do.
let labels = [], knowsDigits = false, task = "Draw";

// The heading and the title of the page. `stage` says how far a training is; it is undefined when none is running.
function headline(stage) {
  by("task").textContent = stage ? "Training a network" : task;
  document.title = `Gradus: ${stage ?? task.toLowerCase()}`;
}

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
  task = knowsDigits && labels.length === 10 ? "Draw a digit" : longest === 1 ? "Draw a character" : "Draw";
  document.querySelectorAll(".digits").forEach(part => part.classList.toggle("hidden", !knowsDigits));
  if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) by("stays").textContent = `What you draw is sent to ${location.host}, and nowhere else.`;
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
function light(canvas, values, columns, name = "--network") {
  canvas.width = columns;
  canvas.height = Math.ceil(values.length / columns);
  const context = canvas.getContext("2d");
  context.fillStyle = colour(name);
  values.forEach((value, index) => {
    context.globalAlpha = Math.min(1, Math.max(0, value));
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
  light(by("seen"), value.pixels, 28, "--text");
  by("why").disabled = false;
  explain(value);
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
  showMaps(value.maps);
}

// What each filter of a convolution finds where; `maps` is undefined for a network without convolutions.
function showMaps(maps) {
  by("maps").classList.toggle("hidden", !maps);
  if (!maps) return;
  const images = by("maps-images"), largest = Math.max(...maps.maps.map(map => Math.max(...map)));
  while (images.children.length < maps.maps.length) {
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Feature map ${images.children.length + 1}`);
    images.append(canvas);
  }
  const active = maps.maps.filter(map => map.some(value => value > 0)).length;
  by("maps-text").textContent = `Layer ${maps.name}: ${active} of ${maps.maps.length} filters find something. The stronger the answer of a filter, the brighter the point.`;
  maps.maps.forEach((map, index) => light(images.children[index], map.map(value => largest > 0 ? value / largest : 0), maps.columns));
}

function forget() {
  last = null;
  showMaps();
  by("digit").textContent = "?";
  by("says").textContent = "Nothing is drawn yet.";
  by("why").disabled = true;
  by("explanation").classList.add("hidden");
  setBars(labels.map(() => null), -1);
  light(by("seen"), Array(784).fill(0), 28, "--text");
  document.querySelectorAll(".layer").forEach(layer => layer.remove());
}

// Why: the contribution of each pixel to the score of the predicted class, by sign and size.
let explains = false;
by("why").addEventListener("click", () => {
  explains = !explains;
  by("why").setAttribute("aria-expanded", explains);
  if (explains) changed();
  else by("explanation").classList.add("hidden");
});

function explain({ label, score, pixels, contributions }) {
  by("explanation").classList.toggle("hidden", !explains || !contributions);
  if (!explains || !contributions) return;
  const context = by("contributions").getContext("2d"), largest = Math.max(...contributions.map(Math.abs));
  const fill = (index, style, opacity) => {
    context.globalAlpha = opacity;
    context.fillStyle = style;
    context.fillRect(index % 28, Math.floor(index / 28), 1, 1);
  };
  const [ink, above, below] = ["--quiet", "--for", "--against"].map(colour);
  context.clearRect(0, 0, 28, 28);
  contributions.forEach((value, index) => {
    // The drawing itself, pale, so that one sees where it has no effect.
    fill(index, ink, .2 * pixels[index]);
    if (largest > 0) fill(index, value > 0 ? above : below, Math.abs(value) / largest);
  });
  const sum = sign => contributions.filter(value => value * sign > 0).reduce((sum, value) => sum + Math.abs(value), 0).toFixed(1);
  document.querySelectorAll(".named").forEach(name => { name.textContent = label; });
  by("because").textContent =
    `Blue pixels raise the score of “${label}”, together by ${sum(1)}. Orange pixels lower it, together by ${sum(-1)}. ` +
    "The value of a pixel is its ink times the gradient of the score with respect to it, which this engine computes by a backward pass. " +
    `The score is ${score?.toFixed(1)}; what the pixels do not explain comes from the biases of the network.`;
}

for (let digit = 0; digit < 10; digit++) {
  const key = document.createElement("button");
  key.type = "button";
  key.textContent = digit;
  key.setAttribute("aria-label", `Draw a ${digit}`);
  key.addEventListener("click", () => example(digit));
  by("keys").append(key);
}
addEventListener("keydown", event => {
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  // A digit waits for the labels: on a busy machine the page is there before they are.
  if (plain && /^[0-9]$/.test(event.key)) known.then(() => { if (knowsDigits) example(Number(event.key)); });
  else press(event);
});
for (const look of [matchMedia("(prefers-color-scheme: dark)"), narrow]) look.addEventListener("change", () => { repaint(); if (last) show(last); });

// A training run, if there is one.
function curve(id, points, [from, to], epochs, label) {
  const x = value => (100 * value / epochs).toFixed(2), y = value => (4 + 92 * (1 - (value - from) / (to - from || 1))).toFixed(2);
  by(id).firstElementChild.setAttribute("d", points.map((point, index) => (index ? "L" : "M") + x(point[0]) + " " + y(point[1])).join(""));
  const say = (selector, text) => { by(id).parentElement.querySelector(selector).textContent = text; };
  say(".high", label(to));
  say(".low", label(from));
  say(".first", 0);
  say(".end", epochs);
}
async function follow() {
  try {
    const { training } = await (await fetch("/progress")).json();
    if (!training) return headline();
    const { epochs, losses, accuracies, images_per_second, finished } = training;
    by("training").classList.remove("hidden");
    const speed = `${Math.round(images_per_second).toLocaleString("en")} images/s`;
    const at = `epoch ${Math.min(accuracies.length + 1, epochs)} of ${epochs}`;
    headline(finished ? undefined : `training, ${at}`);
    by("meanwhile").classList.toggle("hidden", finished);
    by("stage").textContent = finished ? `Trained: ${accuracies.length} ${accuracies.length === 1 ? "epoch" : "epochs"}` : `Training: ${at}, ${speed}`;
    if (losses.length) {
      by("loss").textContent = losses[losses.length - 1][1].toFixed(4);
      // On a logarithmic scale: on a linear one everything after the first epoch would be close to zero.
      const sizes = losses.filter(point => point[1] > 0).map(point => [point[0], Math.log10(point[1])]), all = sizes.map(point => point[1]);
      if (all.length) curve("losses", sizes, [Math.min(...all), Math.max(...all)], epochs, size => String(Number((10 ** size).toPrecision(2))));
    }
    const points = accuracies.map((share, index) => [index + 1, share]), low = Math.min(.9, ...accuracies);
    by("accuracy").textContent = points.length ? (100 * points[points.length - 1][1]).toFixed(2) + "%" : "after the first epoch";
    // A single point, twice, is a dot. Before the first epoch there are only the labels.
    curve("accuracies", [...points.slice(0, 1), ...points], [low, 1], epochs, share => Math.round(100 * share) + "%");
    if (!isBlank()) changed();
    if (finished) return;
  } catch { return; }
  setTimeout(follow, 400);
}
async function start() {
  try {
    setLabels((await (await fetch("/labels")).json()).labels);
    asking = false;
    changed();
    follow();
  } catch { by("says").textContent = "The server program is not running any more."; }
}
const known = start();
