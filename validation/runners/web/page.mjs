// What `chromium_worker.mjs` calls in the page: an engine whose tensors come and go over HTTP.

import * as library from "@litertjs/core";
import { Engine, startLibrary } from "./engine.mjs";

const WASM = "/node_modules/@litertjs/core/wasm/";
let engine;

async function given() {
  return (await fetch("/given")).arrayBuffer();
}

globalThis.engine = {
  async load({ accelerator, threads }) {
    await startLibrary(library, WASM, { accelerator, threads });
    engine = new Engine(library, accelerator);
  },
  open: async ({ threads, signature }) => engine.open(new Uint8Array(await given()), threads, signature),
  feed: async (index) => engine.feed(index, await given()),
  invoke: () => engine.invoke(),
  async fetch(index) {
    const { dtype, shape, bytes } = await engine.fetch(index);
    await fetch("/answer", { method: "POST", body: bytes });
    return { dtype, shape };
  },
};
globalThis.ready = true;
