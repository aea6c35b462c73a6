// Prints which adapter Chromium finds for WebGPU: "none", "software" (the CPU does a GPU's work) or "hardware". Its arguments: the folder that holds `node_modules`, the browser.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";

const [folder, executablePath] = process.argv.slice(2);
const { chromium } = createRequire(path.join(folder, "here.js"))("playwright-core");
const args = ["--no-sandbox", "--no-first-run", "--disable-background-networking", "--enable-unsafe-webgpu"];
const server = createServer((request, response) => response.end("<!doctype html>"));
await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
const browser = await chromium.launch({ executablePath, args });
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`); // WebGPU is there for secure pages only; loopback is one
console.log(await page.evaluate(async () => {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) return "none";
  const { architecture, isFallbackAdapter } = adapter.info;
  return isFallbackAdapter || architecture === "swiftshader" ? "software" : "hardware";
}));
await browser.close();
server.close();
process.exit(0);
