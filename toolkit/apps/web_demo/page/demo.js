// The page: a picture, the classes over it, and how long an inference takes.

import * as library from "@litertjs/core";
import { Engine, startLibrary } from "segport/engine";

import { labelsOf, resized, rgbOf, tensorOf } from "./pixels.js";

const LARGEST = 2048; // pixels of the longer side that are kept of a photograph
const KEPT_RUNS = 20;
const FIRST_RUNS = 5; // after the one that warms up
const MORE_RUNS = 10;
const NANOSECONDS = 1e6; // of a millisecond
const element = (id) => document.getElementById(id);
const photo = element("photo").getContext("2d", { willReadFrequently: true });
const map = element("map").getContext("2d");
const state = { files: new Map(), hidden: new Set(), times: [], shown: null, open: null };
// What LiteRT.js prints is no error unless it says so; the library takes this object in.
const printed = (line) => (/^(INFO|VERBOSE|WARNING)/.test(line) ? console.debug(line) : console.error(line));
globalThis.Module = { print: console.debug, printErr: printed };
let engine;
let manifest;
let waiting = Promise.resolve();

/** One thing after another; what goes wrong is said in the page. */
function inTurn(action) {
  waiting = waiting.then(async () => {
    element("again").disabled = true;
    try {
      await action();
    } catch (error) {
      say(error?.message ?? String(error), true);
    } finally {
      element("again").disabled = state.shown === null;
    }
  });
  return waiting;
}

function say(text, wrong = false) {
  element("status").textContent = text;
  element("status").classList.toggle("wrong", wrong);
}

/** Let the page draw what was just said: an inference holds the thread that draws. */
const drawn = () => new Promise((resolve) => { requestAnimationFrame(() => setTimeout(resolve)); });

async function start() {
  const answer = await fetch("manifest.json");
  if (!answer.ok) throw new Error(`manifest.json is not there (${answer.status}); export the demo again`);
  manifest = await answer.json();
  document.title = `${manifest.title}: live demo`;
  element("title").textContent = manifest.title;
  const threads = globalThis.crossOriginIsolated;
  fillChoices(threads);
  say("Loading LiteRT.js …");
  await startLibrary(library, new URL("litert/wasm/", location.href).href, { accelerator: "wasm", threads });
  engine = new Engine(library, "wasm");
  await takePicture(manifest.samples[0].file, "the sample");
}

function fillChoices(threads) {
  fill(element("artifact"), manifest.artifacts.map(({ name, answers }) => `${name} · ${megabytes(answers)}`));
  const cores = navigator.hardwareConcurrency ?? 1;
  const counts = threads ? [1, 2, 4, 8].filter((count) => count <= cores) : [1];
  fill(element("threads"), counts, counts);
  element("threads").value = String(counts.at(-1));
  element("threading").hidden = counts.length === 1;
  element("note").textContent =
    `LiteRT.js ${manifest.litert}, WebAssembly on the CPU, ${threads ? "with threads" : "one thread"}. ` +
    "The time is that of the inference alone.";
  fillSizes();
  manifest.samples.forEach(({ file }, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `Sample picture ${index + 1}`);
    button.append(Object.assign(new Image(), { src: file, alt: "" }));
    button.addEventListener("click", () => inTurn(() => takePicture(file, "the sample")));
    element("samples").append(button);
  });
}

function fill(select, texts, values = texts.map((_, index) => index)) {
  select.replaceChildren(...texts.map((text, index) => new Option(text, values[index])));
}

function megabytes(answers) {
  const files = new Map(answers.map(({ file, size_bytes: bytes }) => [file, bytes]));
  return `${([...files.values()].reduce((sum, bytes) => sum + bytes, 0) / 1e6).toFixed(1)} MB`;
}

/** The chosen artifact's sizes; the one chosen before stays if there is such a one, else the one a plain call answers at. */
function fillSizes() {
  const { answers } = artifact();
  const before = element("size").selectedOptions[0]?.text;
  const texts = answers.map(({ output }) => `${output.width} × ${output.height}`);
  const shown = answers.map(({ input }, index) =>
    texts.indexOf(texts[index]) === texts.lastIndexOf(texts[index]) ? texts[index]
      : `${texts[index]} from ${input.width} × ${input.height}`);
  fill(element("size"), shown);
  const kept = shown.indexOf(before);
  element("size").selectedIndex = kept >= 0 ? kept : Math.max(0, answers.findIndex((answer) => answer.default));
}

const artifact = () => manifest.artifacts[element("artifact").selectedIndex];
const answering = () => artifact().answers[element("size").selectedIndex];

/** Show a picture (a file, or an address) and segment it. */
async function takePicture(source, name) {
  if (!engine) throw new Error("LiteRT.js could not be loaded; reload the page");
  say(`Reading ${name} …`);
  const file = typeof source === "string" ? await (await fetch(source)).blob() : source;
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new Error(`This browser cannot read ${name} as a picture; choose a JPEG or PNG`);
  }
  const scale = Math.min(1, LARGEST / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  Object.assign(photo.canvas, { width, height });
  photo.imageSmoothingQuality = "high";
  photo.drawImage(picture, 0, 0, width, height);
  picture.close();
  state.shown = null;
  map.clearRect(0, 0, map.canvas.width, map.canvas.height);
  lay();
  await segment();
}

/** Open what is chosen if it is not open, run it on the picture, draw the classes. */
async function segment() {
  const chosen = { ...answering(), name: artifact().name, classes: artifact().classes };
  say(`${chosen.name}: one moment …`);
  await drawn();
  const outputs = await opened(chosen);
  const { input, output } = chosen;
  const { width, height } = photo.canvas;
  const rgb = rgbOf(photo.getImageData(0, 0, width, height).data);
  await engine.feed(0, tensorOf(resized(rgb, width, height, input.width, input.height), input));
  await engine.invoke();
  const place = outputs.length === 1 ? 0 : outputs.findIndex(({ name }) => name === output.name);
  const { dtype, bytes } = await engine.fetch(place);
  const values = new ({ float32: Float32Array, int32: Int32Array }[dtype])(bytes.slice().buffer);
  state.shown = { ...chosen, labels: labelsOf(values, output) };
  state.times = [];
  fillLegend();
  paint();
  await time(FIRST_RUNS);
}

/** Have the chosen file open at the chosen signature; returns what its outputs are called. */
async function opened({ file, signature, name }) {
  const threads = Number(element("threads").value);
  const wanted = `${file} ${threads}`;
  if (state.open === wanted) return engine.choose(signature).outputs;
  state.open = null;
  if (!state.files.has(file)) {
    say(`Fetching ${name} …`);
    const answer = await fetch(file);
    if (!answer.ok) throw new Error(`${file} is not there (${answer.status}); export the demo again`);
    state.files.set(file, new Uint8Array(await answer.arrayBuffer()));
  }
  const { outputs } = await engine.open(state.files.get(file), threads, signature);
  state.open = wanted;
  return outputs;
}

/** Some more inferences of the same picture, and the median of the last ones. */
async function time(runs) {
  for (let run = 0; run < runs; run++) {
    await drawn();
    state.times.push((await engine.invoke()) / NANOSECONDS);
    state.times = state.times.slice(-KEPT_RUNS);
    const sorted = [...state.times].sort((a, b) => a - b);
    const half = (sorted.length - 1) / 2;
    const median = (sorted[Math.floor(half)] + sorted[Math.ceil(half)]) / 2;
    element("median").textContent = median < 10 ? median.toFixed(2) : median.toFixed(1);
    element("runs").textContent = `median of ${sorted.length} runs`;
  }
  const { name, input, output } = state.shown;
  say(`${name}: ${input.width} × ${input.height} in, ${output.width} × ${output.height} out`);
}

/** The classes of the answer, most pixels first. */
function fillLegend() {
  const { classes, labels } = state.shown;
  const counts = new Array(classes.length).fill(0);
  for (const id of labels) counts[id] += 1;
  const order = classes.map((_, id) => id).filter((id) => counts[id] > 0).sort((a, b) => counts[b] - counts[a]);
  element("legend").replaceChildren(...order.map((id) => {
    const { name, colour } = classes[id];
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", String(!hidden(name)));
    const dot = document.createElement("i");
    dot.style.background = `rgb(${colour.join(" ")})`;
    const share = document.createElement("b");
    share.textContent = `${((100 * counts[id]) / labels.length).toFixed(1)} %`;
    button.append(dot, name.replaceAll("_", " "), " ", share);
    button.addEventListener("click", () => {
      state.hidden.has(name) ? state.hidden.delete(name) : state.hidden.add(name);
      button.setAttribute("aria-pressed", String(!hidden(name)));
      paint();
    });
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
}

/** Background is hidden until it is tapped, every other class shown. */
const hidden = (name) => (name === "background") !== state.hidden.has(name);

function paint() {
  const { output, classes, labels } = state.shown;
  const picture = new ImageData(output.width, output.height);
  const colours = classes.map(({ name, colour }) => [...colour, hidden(name) ? 0 : 255]);
  labels.forEach((id, pixel) => picture.data.set(colours[id], pixel * 4));
  Object.assign(map.canvas, { width: output.width, height: output.height });
  map.putImageData(picture, 0, 0);
  lay();
}

/** The map lies exactly over the picture, whatever their sizes. */
function lay() {
  const { offsetLeft: left, offsetTop: top, clientWidth: width, clientHeight: height } = photo.canvas;
  const scale = Math.min(width / photo.canvas.width, height / photo.canvas.height);
  const [wide, high] = [photo.canvas.width * scale, photo.canvas.height * scale];
  Object.assign(map.canvas.style, {
    left: `${left + (width - wide) / 2}px`, top: `${top + (height - high) / 2}px`, width: `${wide}px`, height: `${high}px`,
  });
}

function chooseFile(file) {
  if (file) inTurn(() => takePicture(file, file.name));
}

function listen() {
  const fade = () => { map.canvas.style.opacity = String(element("opacity").value / 100); };
  fade();
  element("opacity").addEventListener("input", fade);
  element("file").addEventListener("change", ({ target }) => {
    chooseFile(target.files[0]);
    target.value = ""; // the same file may be chosen again
  });
  element("artifact").addEventListener("change", () => { fillSizes(); inTurn(segment); });
  element("size").addEventListener("change", () => inTurn(segment));
  element("threads").addEventListener("change", () => inTurn(segment));
  element("again").addEventListener("click", () => inTurn(() => time(MORE_RUNS)));
  const over = (shown) => element("stage").classList.toggle("over", shown);
  document.addEventListener("dragover", (event) => { event.preventDefault(); over(true); });
  document.addEventListener("dragleave", (event) => { if (event.relatedTarget === null) over(false); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    chooseFile(event.dataTransfer.files[0]);
  });
  new ResizeObserver(lay).observe(photo.canvas);
}

listen();
inTurn(start);
