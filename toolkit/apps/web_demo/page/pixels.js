// From a picture's pixels to a network's tensor, and from its answer to a class map: what segport's Python does, to the bit.

const PRECISION = 22; // bits behind the point of a weight
const TWO_POW = 2 ** PRECISION;

/** RGB bytes (height, width, 3) of the RGBA bytes that a canvas gives. */
export function rgbOf(rgba) {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  return rgb;
}

/**
 * RGB bytes of a picture at another size: bilinear, antialiased where it shrinks; stretched, not cropped.
 *
 * Follows Pillow 13 (weights of 22 bits, bytes between the passes, rows first where they shrink much more than columns), so that
 * every pixel is the one that `validation.runners.base.resizing.fit_picture` gives.
 */
export function resized(rgb, width, height, toWidth, toHeight) {
  if (toHeight < height && 2 * (width - toWidth) < height - toHeight) {
    const low = acrossRows(rgb, width, height, toHeight);
    return toWidth === width ? low : acrossColumns(low, width, toHeight, toWidth);
  }
  const wide = toWidth === width ? rgb : acrossColumns(rgb, width, height, toWidth);
  return toHeight === height ? wide : acrossRows(wide, toWidth, height, toHeight);
}

function acrossColumns(rgb, width, height, toWidth) {
  const found = new Uint8Array(toWidth * height * 3);
  weightsOf(width, toWidth).forEach(([first, weights], column) => {
    for (let row = 0; row < height; row++) {
      const from = (row * width + first) * 3;
      const to = (row * toWidth + column) * 3;
      for (let channel = 0; channel < 3; channel++) found[to + channel] = mixed(rgb, from + channel, 3, weights);
    }
  });
  return found;
}

function acrossRows(rgb, width, height, toHeight) {
  const line = width * 3;
  const found = new Uint8Array(line * toHeight);
  weightsOf(height, toHeight).forEach(([first, weights], row) => {
    for (let place = 0; place < line; place++) found[row * line + place] = mixed(rgb, first * line + place, line, weights);
  });
  return found;
}

function mixed(bytes, first, stride, weights) {
  let sum = 1 << (PRECISION - 1);
  for (let index = 0, place = first; index < weights.length; index++, place += stride) sum += bytes[place] * weights[index];
  return Math.min(255, Math.max(0, sum >> PRECISION));
}

/** For each target position: the first source position, and the integer weights from there on. */
function weightsOf(size, wanted) {
  const scale = size / wanted;
  const reach = Math.max(1, scale);
  return Array.from({ length: wanted }, (_, target) => {
    const centre = (target + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(size, Math.trunc(centre + reach + 0.5));
    const shares = Array.from({ length: end - first }, (_, index) =>
      Math.max(0, 1 - Math.abs((index + first - centre + 0.5) * (1 / reach))));
    const sum = shares.reduce((total, share) => total + share, 0);
    return [first, Int32Array.from(shares, (share) => Math.trunc(0.5 + (share / sum) * TWO_POW))];
  });
}

/** The tensor that a file takes: `input` is its description in manifest.json. Returns an ArrayBuffer of float32. */
export function tensorOf(rgb, input) {
  const white = input.pixel_range === "unit" ? 255 : 1;
  const values = Float32Array.from({ length: 256 }, (_, byte) => byte / white);
  const pixels = input.height * input.width;
  const found = new Float32Array(pixels * 3);
  const [pixelStep, channelStep] = input.layout === "nchw" ? [1, pixels] : [3, 1];
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      found[pixel * pixelStep + channel * channelStep] = values[rgb[pixel * 3 + channel]];
    }
  }
  return found.buffer;
}

/** Class ids (height, width) of an answer; `output` is its description in manifest.json. Ties go to the lower id. */
export function labelsOf(values, output) {
  if (output.kind === "labels") return Uint8Array.from(values);
  const pixels = output.height * output.width;
  const [pixelStep, classStep] = output.layout === "nchw" ? [1, pixels] : [output.classes, 1];
  const found = new Uint8Array(pixels);
  for (let pixel = 0; pixel < pixels; pixel++) {
    let best = values[pixel * pixelStep];
    for (let id = 1; id < output.classes; id++) {
      const score = values[pixel * pixelStep + id * classStep];
      if (score > best) [best, found[pixel]] = [score, id];
    }
  }
  return found;
}
