// Runs one .tflite file with LiteRT.js in a page of headless Chromium. Its arguments: the folder that holds `node_modules`,
// the browser, the accelerator ("wasm" or "webgpu"), and "threads" or "plain".
//
// Tensors travel over HTTP on loopback, because what Playwright hands to a page goes through JSON.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { keepStandardOutput, serve } from "./frames.mjs";

const [folder, executablePath, accelerator, threading] = process.argv.slice(2);
const write = keepStandardOutput();
const require = createRequire(path.join(folder, "here.js"));
const { chromium } = require("playwright-core");
const QUIETLY = [
  "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", ...(accelerator === "webgpu" ? ["--enable-unsafe-webgpu"] : ["--disable-gpu"]),
];
const TYPES = { ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const here = path.dirname(fileURLToPath(import.meta.url));
const PAGES = { "/page.html": "page.html", "/page.mjs": "page.mjs", "/engine.mjs": "engine.mjs" };
const NODE_MODULES = "/node_modules/";
const kept = { given: Buffer.alloc(0), answer: Buffer.alloc(0) };

function fileOf(address) {
  if (address in PAGES) return path.join(here, PAGES[address]);
  const inside = path.posix.normalize(address);
  return inside.startsWith(NODE_MODULES) ? path.join(folder, inside) : null;
}

async function respond(request, response) {
  const address = new URL(request.url, "http://localhost").pathname;
  // A page is isolated, and may use threads, only if it and all that it loads say so.
  response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
  response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
  if (address === "/given") return response.end(kept.given);
  if (address === "/answer") {
    const parts = [];
    for await (const part of request) parts.push(part);
    kept.answer = Buffer.concat(parts);
    return response.end();
  }
  const file = fileOf(address);
  if (file === null) return response.writeHead(404).end();
  response.setHeader("Content-Type", TYPES[path.extname(file)] ?? "application/octet-stream");
  return response.end(readFileSync(file));
}

const server = createServer((request, response) => {
  respond(request, response).catch((error) => response.writeHead(404).end(error.message));
});
await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });

const browser = await chromium.launch({ executablePath, args: QUIETLY });
const page = await browser.newPage();
const ask = (action, argument) => page.evaluate(([name, given]) => globalThis.engine[name](given), [action, argument]);
page.on("console", (message) => console.error(message.text()));
let opened = null;

async function openPage() {
  await page.goto(`http://127.0.0.1:${server.address().port}/page.html`);
  await page.evaluate(() => globalThis.ready);
  await ask("load", { accelerator, threads: threading === "threads" });
}

await serve({
  open: async ({ path: file, threads, signature }) => {
    kept.given = readFileSync(file);
    await (opened ??= openPage());
    return [await ask("open", { threads, signature })];
  },
  feed: async ({ index }, payload) => {
    kept.given = payload;
    await ask("feed", index);
    return [{}];
  },
  invoke: async () => [{ nanoseconds: await ask("invoke") }],
  fetch: async ({ index }) => [await ask("fetch", index), kept.answer],
}, write);
await browser.close();
server.close();
process.exit(0);
