// The networks: the WebAssembly module of this crate and its memory. The other side is src/boundary.rs.

let wasm;

/** The bytes of a base64 text in the page. */
export function embedded(id) {
  const element = document.getElementById(id);
  if (!element) return null;
  const text = element.textContent.trim();
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Compiles the module. */
export async function start(bytes) {
  wasm = (await WebAssembly.instantiate(bytes, {})).instance.exports;
}

/** Writes `input` (a typed array or nothing), calls a function, and returns its numbers. */
function call(name, input, ...args) {
  const bytes = input ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength) : new Uint8Array(0);
  const address = wasm.input(bytes.length);
  new Uint8Array(wasm.memory.buffer, address, bytes.length).set(bytes);
  const failed = wasm[name](...args);
  if (failed) {
    const message = new Uint8Array(wasm.memory.buffer, wasm.message(), wasm.message_len());
    throw new Error(new TextDecoder().decode(message));
  }
  return new Float64Array(wasm.memory.buffer, wasm.output(), wasm.output_len()).slice();
}

/** Cuts numbers into rows of this length. */
export function rows(numbers, length) {
  const cut = [];
  for (let i = 0; i < numbers.length; i += length) cut.push(numbers.subarray(i, i + length));
  return cut;
}

/** Lesson 1. */
export class TextRnn {
  constructor(model) {
    [this.words, this.hidden] = call('text_load', model);
  }

  /** A parameter, by its name in the file: rows of `columns` numbers. */
  parameter(name, columns) {
    return rows(call('text_parameter', new TextEncoder().encode(name)), columns);
  }

  /** The steps of a sentence: pre-activations a, hidden state h, probabilities of the next word. */
  run(numbers) {
    const { hidden, words } = this;
    const steps = rows(call('text_run', Uint32Array.from(numbers)), 2 * hidden + words);
    return steps.map((step) => ({
      a: step.subarray(0, hidden), h: step.subarray(hidden, 2 * hidden), next: step.subarray(2 * hidden),
    }));
  }
}

/** Lesson 2. `scaler` has the minima and maxima, `days` the five numbers of each day. */
export class StockRnn {
  constructor(model, scaler, days) {
    [this.hidden] = call('stock_load', model);
    this.scaler = scaler;
    this.days = days;
    /** predicted[i] is the close after the days i .. i + 6, in dollars. */
    this.predicted = call('stock_prices', Float64Array.from([scaler.min, scaler.max, ...days].flat()));
  }

  /** A window of seven days. `forget`: 'trained', 'closed' or 'open'. Each gate is seven rows of units. */
  week(first, forget = 'trained') {
    const numbers = call('stock_week', null, first, ['trained', 'closed', 'open'].indexOf(forget));
    const gates = rows(numbers.subarray(1), 7 * this.hidden).map((gate) => rows(gate, this.hidden));
    const [i, f, g, o, c, h] = gates;
    return { close: numbers[0], i, f, g, o, c, h };
  }

  /** The change of the predicted close if one day's prices are `change` dollars higher, for each day. */
  sensitivity(first, change) {
    return call('stock_sensitivity', null, first, change);
  }

  /** A value as the network reads it, from 0 to 1. */
  scaled(value, column) {
    const { min, max } = this.scaler;
    return (value - min[column]) / (max[column] - min[column] + 1e-7);
  }
}

/** Lesson 3. */
export class MnistNn {
  constructor(model) {
    [this.layers, this.hidden] = call('digit_load', model);
  }

  /** A square drawing (0 is paper, 255 is ink) as 28 x 28 pixels in the format of MNIST. */
  normalise(picture) {
    const numbers = call('digit_normalise', picture, Math.round(Math.sqrt(picture.length)));
    return { pixels: Uint8Array.from(numbers.subarray(0, 784)), sizes: Array.from(numbers.subarray(784)) };
  }

  /** The probabilities after each row, and r, z, n and h of each layer, each 28 rows of units. */
  read(pixels) {
    const numbers = call('digit_read', pixels);
    const gates = rows(numbers.subarray(280), 28 * this.hidden).map((gate) => rows(gate, this.hidden));
    const layers = [];
    for (let i = 0; i < gates.length; i += 4) {
      layers.push({ r: gates[i], z: gates[i + 1], n: gates[i + 2], h: gates[i + 3] });
    }
    return { rows: rows(numbers.subarray(0, 280), 10), layers };
  }
}

/** The language model. */
export class LanguageModel {
  constructor(model) {
    [this.words] = call('language_load', model);
  }

  /** The probability of every word as the next one. */
  probabilities(numbers) {
    return call('language_probabilities', Uint32Array.from(numbers));
  }

  /** Words to draw from, the most likely first. `topK` 0 is all. */
  choices(numbers, temperature, topK) {
    const pairs = call('language_choices', Uint32Array.from(numbers), temperature, topK);
    return rows(pairs, 2).map(([number, probability]) => ({ number, probability }));
  }
}
