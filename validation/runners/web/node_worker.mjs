// Runs one .tflite file with LiteRT.js in Node. Its argument is the folder that holds `node_modules`.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";

import { Engine } from "./engine.mjs";
import { keepStandardOutput, serve } from "./frames.mjs";

const write = keepStandardOutput();
const core = path.join(process.argv[2], "node_modules", "@litertjs", "core");
const wasm = path.join(core, "wasm") + path.sep;

// LiteRT.js is written for pages. Of a page it needs these; the WebAssembly itself runs as it does there.
globalThis.self = globalThis;
globalThis.navigator ??= {};
globalThis.require = createRequire(path.join(wasm, "here.js"));
globalThis.__dirname = wasm;
globalThis.Module = { print: console.error, printErr: console.error };
globalThis.importScripts = (file) => {
  globalThis.__filename = file;
  vm.runInThisContext(readFileSync(file, "utf8"), { filename: file });
};

const library = await import(pathToFileURL(path.join(core, "dist", "index.js")));
const liteRt = await library.loadLiteRt(wasm, {}).catch((error) => error);
const engine = new Engine(library, "wasm");

await serve({
  open: async ({ path: file, threads, signature }) => {
    if (liteRt instanceof Error) throw liteRt;
    return [await engine.open(new Uint8Array(readFileSync(file)), threads, signature)];
  },
  feed: async ({ index }, payload) => {
    await engine.feed(index, payload.buffer.slice(payload.byteOffset, payload.byteOffset + payload.length));
    return [{}];
  },
  invoke: async () => [{ nanoseconds: await engine.invoke() }],
  fetch: async ({ index }) => {
    const { dtype, shape, bytes } = await engine.fetch(index);
    return [{ dtype, shape }, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)];
  },
}, write);
process.exit(0);
