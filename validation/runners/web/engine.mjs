// One open .tflite file in LiteRT.js; the same in Node and in a page.

const NANOSECONDS = 1e6; // of a millisecond
const ARRAYS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };

/** In a page: fetch LiteRT.js' WebAssembly from the folder `wasm`; says in a sentence what the page lacks for what is asked. */
export async function startLibrary(library, wasm, { accelerator, threads }) {
  if (accelerator === "webgpu" && !(await navigator.gpu?.requestAdapter())) throw new Error("there is no WebGPU adapter");
  if (threads && !globalThis.crossOriginIsolated) throw new Error("the page is not isolated, so it has no threads");
  await library.loadLiteRt(wasm, { threads });
}

export class Engine {
  /** `library` is the module @litertjs/core, loaded; `accelerator` is "wasm" or "webgpu". */
  constructor(library, accelerator) {
    this.library = library;
    this.accelerator = accelerator;
    this.outputs = [];
  }

  /** Compile a file. `threads` counts only where the threaded library was loaded; for `signature` see `choose`. */
  async open(bytes, threads, signature = null) {
    this.close();
    const start = performance.now();
    this.model = await this.library.loadAndCompile(bytes, {
      accelerator: this.accelerator, cpuOptions: { numThreads: threads },
    });
    const nanoseconds = Math.round((performance.now() - start) * NANOSECONDS);
    if (this.accelerator === "webgpu" && !this.model.isFullyAccelerated) {
      throw new Error("WebGPU does not take every operation of the file");
    }
    return { ...this.choose(signature), nanoseconds };
  }

  /** Of a file with several signatures, the one to call from now on; null: the one that a plain call runs. */
  choose(signature) {
    this.called = signature === null ? this.model : this.model.signatures[signature];
    if (this.called === undefined) throw new Error(`the file has no signature ${signature}`);
    this.inputDetails = this.called.getInputDetails();
    return { inputs: described(this.inputDetails), outputs: described(this.called.getOutputDetails()) };
  }

  /** Hand over the bytes of one input, an ArrayBuffer. */
  async feed(index, buffer) {
    const { shape, dtype } = this.inputDetails[index];
    const tensor = new this.library.Tensor(new ARRAYS[dtype](buffer), shape);
    this.input?.delete();
    this.input = this.accelerator === "webgpu" ? await tensor.moveTo("webgpu") : tensor;
  }

  /** One inference; its nanoseconds. On a GPU the answer must have come back before it counts as done. */
  async invoke() {
    this.forget();
    const start = performance.now();
    this.outputs = await this.called.run([this.input]);
    this.read = this.accelerator === "webgpu" ? await this.outputs[0].data() : null;
    return Math.round((performance.now() - start) * NANOSECONDS);
  }

  /** The answer at `index`: {dtype, shape, bytes}. */
  async fetch(index) {
    const { type } = this.outputs[index];
    const values = await this.outputs[index].data();
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return { dtype: type.dtype, shape: [...type.layout.dimensions], bytes };
  }

  forget() {
    for (const tensor of this.outputs) tensor.delete();
    this.outputs = [];
  }

  /** Give back what an open file holds of the WebAssembly's memory. */
  close() {
    this.forget();
    this.input?.delete();
    this.model?.delete();
    this.input = this.model = this.called = undefined;
  }
}

function described(details) {
  // LiteRT.js tells nothing of quantization, and takes only types that need none.
  return details.map(({ name, index, shape, dtype }) => ({ name, index, shape: [...shape], dtype, quantization: [0, 0] }));
}
