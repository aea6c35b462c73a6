// One open .tflite file in LiteRT.js; the same in Node and in a page.

const NANOSECONDS = 1e6; // of a millisecond
const ARRAYS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };

export class Engine {
  /** `library` is the module @litertjs/core, loaded; `accelerator` is "wasm" or "webgpu". */
  constructor(library, accelerator) {
    this.library = library;
    this.accelerator = accelerator;
    this.outputs = [];
  }

  /** Compile a file. `threads` counts only where the threaded library was loaded. */
  async open(bytes, threads) {
    const start = performance.now();
    this.model = await this.library.loadAndCompile(bytes, {
      accelerator: this.accelerator, cpuOptions: { numThreads: threads },
    });
    const nanoseconds = Math.round((performance.now() - start) * NANOSECONDS);
    if (this.accelerator === "webgpu" && !this.model.isFullyAccelerated) {
      throw new Error("WebGPU does not take every operation of the file");
    }
    this.inputDetails = this.model.getInputDetails();
    return { inputs: described(this.inputDetails), outputs: described(this.model.getOutputDetails()), nanoseconds };
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
    this.outputs = await this.model.run([this.input]);
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
}

function described(details) {
  // LiteRT.js tells nothing of quantization, and takes only types that need none.
  return details.map(({ name, index, shape, dtype }) => ({ name, index, shape: [...shape], dtype, quantization: [0, 0] }));
}
