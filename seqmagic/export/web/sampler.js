// A recurrent character-level language model in plain JavaScript: it reads text, says how surprised it
// was by each character, and writes on. No page, no library, no state of its own.
//
// Letters as in most articles: W kernel (what comes from below), U recurrent kernel (what comes from the
// step before), b bias. The gates of a layer stand side by side; equations and order are those of Keras.
// Weights come as float16 and are computed with in float32.

/** The id of every character outside the vocabulary: read like any other, never written. */
export const UNKNOWN = 0;

/** Surprise is shown in bins of one bit: 0-1, 1-2, ... and 8 or more. */
export const BINS = 9;

/** The number that 16 bits of IEEE 754 binary16 stand for. */
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Little-endian float16 in base64 -> Float32Array. */
export function decodeHalves(base64) {
  const bytes = atob(base64);
  const values = new Float32Array(bytes.length / 2);
  const table = Float32Array.from({ length: 0x10000 }, (_, bits) => fromHalf(bits));
  for (let i = 0; i < values.length; i++) {
    values[i] = table[bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8)];
  }
  return values;
}

// Matrices lie in tiles of 16 columns: the 16 numbers of the first row, those of the second, and so on. So a
// product goes through memory from front to back, and 16 sums grow side by side without waiting for each other.
const TILE = 16;
const upToTile = (columns) => Math.ceil(columns / TILE) * TILE;

/**
 * WebAssembly for the product of a vector and a matrix in tiles, 4 numbers an instruction: the bytes of
 *
 *   function product(x, end, tiles, sums, last): byte addresses of where vector, matrix and sums begin and end
 *     do {
 *       4 vectors of 4 sums = 0; at = x
 *       do { factor = the number at `at`; each vector of sums += factor * its 4 weights; go on } while (at < end)
 *       store the 16 sums, go on
 *     } while (sums < last)
 */
function productCode() {
  const [x, end, tiles, sums, last, at, factor] = [0, 1, 2, 3, 4, 5, 10]; // local variables
  const accumulators = [6, 7, 8, 9];
  const get = (variable) => [0x20, variable];
  const set = (variable) => [0x21, variable];
  const vector = (code) => [0xfd, ...(code < 0x80 ? [code] : [(code & 0x7f) | 0x80, 1])];
  const advance = (variable, bytes) => [...get(variable), 0x41, ...bytes, 0x6a, ...set(variable)];
  const loop = (inside, variable, limit) =>
    [0x03, 0x40, ...inside, ...get(variable), ...get(limit), 0x49, 0x0d, 0, 0x0b]; // while variable < limit
  const [number64, number4] = [[0xc0, 0], [4]];
  const zero = [0xfd, 12, ...Array(16).fill(0)];
  const inner = loop([
    ...get(at), ...vector(9), 2, 0, ...set(factor),
    ...accumulators.flatMap((sum, place) => [
      ...get(sum), ...get(factor), ...get(tiles), ...vector(0), 2, 16 * place,
      ...vector(0xe6), ...vector(0xe4), ...set(sum), // sum + factor * weights
    ]),
    ...advance(tiles, number64), ...advance(at, number4),
  ], at, end);
  const outer = loop([
    ...accumulators.flatMap((sum) => [...zero, ...set(sum)]),
    ...get(x), ...set(at), ...inner,
    ...accumulators.flatMap((sum, place) => [...get(sums), ...get(sum), ...vector(11), 2, 16 * place]),
    ...advance(sums, number64),
  ], sums, last);
  const length = (count) => (count < 0x80 ? [count] : [(count & 0x7f) | 0x80, count >> 7]);
  const body = [2, 1, 0x7f, 5, 0x7b, ...outer, 0x0b];
  const section = (id, bytes) => [id, ...length(bytes.length), ...bytes];
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // WebAssembly, version 1
    ...section(1, [1, 0x60, 5, ...Array(5).fill(0x7f), 0]), // a type: five integers -> nothing
    ...section(2, [1, 1, 0x6d, 1, 0x6d, 2, 0, 0]), // the memory m.m
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x70, 0, 0]), // the function is p
    ...section(10, [1, ...length(body.length), ...body]),
  ]);
}

/** The same in plain JavaScript, for browsers without WebAssembly of this kind. */
function plainProduct(memory) {
  return (x, end, tiles, sums, last) => {
    for (let tile = tiles >> 2, out = sums >> 2; out < last >> 2; out += TILE, tile += ((end - x) >> 2) * TILE) {
      for (let column = 0; column < TILE; column += 4) {
        let [a, b, c, d] = [0, 0, 0, 0];
        for (let at = x >> 2, k = tile + column; at < end >> 2; at++, k += TILE) {
          const factor = memory[at];
          a += factor * memory[k];
          b += factor * memory[k + 1];
          c += factor * memory[k + 2];
          d += factor * memory[k + 3];
        }
        memory.set([a, b, c, d], out + column);
      }
    }
  };
}

/** `length` floats and a product that works on them, in WebAssembly; null where the browser has none of this kind. */
function compiledProduct(length) {
  try {
    const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * length) / 65536) });
    const module = new WebAssembly.Module(productCode());
    const { p } = new WebAssembly.Instance(module, { m: { m: memory } }).exports;
    return { floats: new Float32Array(memory.buffer), product: p };
  } catch {
    return null;
  }
}

/**
 * Room for `size` floats of matrices, and `multiply(x, matrix)`: x · matrix, a view that lasts until the next call.
 *
 * `fast: false` asks for plain JavaScript.
 */
function makeMemory(size, widest, fast) {
  const first = upToTile(widest); // after the vector the sums, then the matrices
  const matrices = 2 * first;
  const compiled = fast ? compiledProduct(matrices + size) : null;
  const floats = compiled?.floats ?? new Float32Array(matrices + size);
  const product = compiled?.product ?? plainProduct(floats);
  let free = matrices;
  return {
    isFast: compiled !== null,
    /** Take `values`, rows one after another, in as a matrix. */
    add(values, rows, columns) {
      const matrix = { start: free, rows, columns };
      free += rows * upToTile(columns);
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const tile = matrix.start + Math.floor(column / TILE) * rows * TILE;
          floats[tile + row * TILE + (column % TILE)] = values[row * columns + column];
        }
      }
      return matrix;
    },
    multiply(x, { start, rows, columns }) {
      floats.set(x);
      product(0, 4 * rows, 4 * start, 4 * first, 4 * (first + upToTile(columns)));
      return floats.subarray(first, first + columns);
    },
  };
}

/**
 * Make a model from its description, the JSON that seqmagic writes.
 *
 * cells: "rnn", "lstm" or "gru" for each layer. characters: those of the ids 1, 2, ... in order.
 * shapes: of the arrays in `weights`: embedding (V, E); kernel (D, G*U), recurrent kernel (U, G*U) and
 * bias (G*U), for a gru (2, 3*U), of each layer; dense kernel (U, V), dense bias (V).
 * weights: all of them one after another, float16 in base64.
 * fast: whether WebAssembly may compute, where the browser has it.
 */
export function openModel({ cells, characters, shapes, weights }, { fast = true } = {}) {
  const values = decodeHalves(weights);
  let start = 0;
  const arrays = shapes.map((shape) => {
    const size = shape.reduce((product, length) => product * length, 1);
    start += size;
    return values.subarray(start - size, start);
  });
  const room = shapes.reduce((sum, [rows, columns]) => sum + (columns ? rows * upToTile(columns) : 0), 0);
  const memory = makeMemory(room, Math.max(...shapes.flat()), fast);
  const matrix = (index) => memory.add(arrays[index], ...shapes[index]);
  const last = arrays.length - 1;
  return {
    characters,
    start: characters.includes("\n") ? "\n" : characters[0], // read where there is no prompt
    ids: new Map(characters.map((character, index) => [character, index + 1])),
    multiply: memory.multiply,
    isFast: memory.isFast,
    embedding: arrays[0],
    embeddingWidth: shapes[0][1],
    layers: cells.map((cell, index) => ({
      cell,
      units: shapes[3 * index + 2][0],
      W: matrix(3 * index + 1),
      U: matrix(3 * index + 2),
      b: arrays[3 * index + 3],
    })),
    denseKernel: matrix(last - 1),
    denseBias: arrays[last],
  };
}

/** Nothing read yet: zeros for h and, in an lstm, c of each layer. */
export function emptyStates(model) {
  return model.layers.map(({ cell, units }) => ({
    h: new Float32Array(units),
    ...(cell === "lstm" && { c: new Float32Array(units) }),
  }));
}

/** bias + x · matrix, in an array of its own. */
function affine(multiply, bias, x, matrix) {
  return add(bias.slice(), multiply(x, matrix));
}

/** sums + more, in `sums`. */
function add(sums, more) {
  for (let j = 0; j < sums.length; j++) sums[j] += more[j];
  return sums;
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// One step of each cell: the input x and the state before -> the state after.

/** Elman 1990: h = tanh(x·W + h·U + b). */
function rnnStep(multiply, x, { h }, { W, U, b }) {
  const sums = add(affine(multiply, b, x, W), multiply(h, U));
  return { h: sums.map(Math.tanh) };
}

/** Hochreiter & Schmidhuber 1997, Gers et al. 2000: gates guard a memory c. */
function lstmStep(multiply, x, { h, c }, { units, W, U, b }) {
  const sums = add(affine(multiply, b, x, W), multiply(h, U));
  const after = { h: new Float32Array(units), c: new Float32Array(units) };
  for (let i = 0; i < units; i++) {
    const inputGate = sigmoid(sums[i]); //              how much of the candidate is written
    const forgetGate = sigmoid(sums[units + i]); //     how much of c is kept
    const candidate = Math.tanh(sums[2 * units + i]);
    const outputGate = sigmoid(sums[3 * units + i]); // how much of c is shown
    after.c[i] = forgetGate * c[i] + inputGate * candidate;
    after.h[i] = outputGate * Math.tanh(after.c[i]);
  }
  return after;
}

/** Cho et al. 2014, reset after the product as in Keras. `keep` is z, which in many articles writes. */
function gruStep(multiply, x, { h }, { units, W, U, b }) {
  const fromInput = affine(multiply, b.subarray(0, 3 * units), x, W);
  const fromState = affine(multiply, b.subarray(3 * units), h, U);
  const after = new Float32Array(units);
  for (let i = 0; i < units; i++) {
    const keep = sigmoid(fromInput[i] + fromState[i]); //                   how much of h stays
    const reset = sigmoid(fromInput[units + i] + fromState[units + i]); //  how much of it is seen
    const candidate = Math.tanh(fromInput[2 * units + i] + reset * fromState[2 * units + i]);
    after[i] = keep * h[i] + (1 - keep) * candidate;
  }
  return { h: after };
}

const STEPS = { rnn: rnnStep, lstm: lstmStep, gru: gruStep };

/** Read one character: the logits of the next one, and the states after it. */
export function read(model, id, states) {
  let x = model.embedding.subarray(id * model.embeddingWidth, (id + 1) * model.embeddingWidth);
  const after = model.layers.map((layer, index) => {
    const state = STEPS[layer.cell](model.multiply, x, states[index], layer);
    x = state.h;
    return state;
  });
  return { logits: affine(model.multiply, model.denseBias, x, model.denseKernel), states: after };
}

/** softmax(logits), in doubles. */
export function probabilities(logits) {
  const weights = exponentials(logits, 1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Array.from(weights, (weight) => weight / total);
}

/** e^((logit - the highest) / temperature) of each, in doubles. */
function exponentials(logits, temperature) {
  let highest = -Infinity;
  for (let id = 0; id < logits.length; id++) if (logits[id] > highest) highest = logits[id];
  const weights = new Float64Array(logits.length);
  for (let id = 0; id < logits.length; id++) weights[id] = Math.exp((logits[id] - highest) / temperature);
  return weights;
}

/** How surprising `id` is after these logits: -log2 of its probability, in bits. */
export function surprise(logits, id) {
  const weights = exponentials(logits, 1);
  let total = 0;
  for (let other = 0; other < weights.length; other++) total += weights[other];
  return -Math.log2(weights[id] / total);
}

/** The bin, 0 to 8, in which a surprise is shown; null where nothing was foreseen. */
export function surpriseBin(bits) {
  return bits === null ? null : Math.min(BINS - 1, Math.floor(bits));
}

/** Random numbers from 0 to below 1, the same for the same seed (mulberry32, Tommy Ettinger 2017). */
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Leave of `weights` only the `topK` largest (0: all), and of these only the fewest that hold the share `topP` of
 * their sum; the others become 0. Of equals the lower ids stay.
 */
export function keepLikeliest(weights, topK, topP) {
  if ((topK === 0 || topK >= weights.length) && topP >= 1) return weights;
  const order = Array.from(weights.keys()).sort((one, other) => weights[other] - weights[one] || one - other);
  const kept = topK > 0 ? order.slice(0, topK) : order;
  const needed = topP * kept.reduce((sum, id) => sum + weights[id], 0);
  let held = 0;
  const count = topP >= 1 ? kept.length : kept.findIndex((id) => (held += weights[id]) >= needed) + 1 || kept.length;
  for (const id of order.slice(count)) weights[id] = 0;
  return weights;
}

/**
 * The id to write: the likeliest at temperature 0 (under 1e-6), else drawn from softmax(logits / temperature), of
 * which `keepLikeliest` keeps what `topK` and `topP` ask for.
 */
export function choose(logits, { temperature, topK = 0, topP = 1 }, random) {
  let likeliest = UNKNOWN + 1;
  for (let id = likeliest + 1; id < logits.length; id++) if (logits[id] > logits[likeliest]) likeliest = id;
  if (temperature < 1e-6) return likeliest;
  const known = logits.subarray(UNKNOWN + 1);
  const weights = keepLikeliest(exponentials(known, temperature), topK, topP);
  let rest = 0;
  for (let place = 0; place < weights.length; place++) rest += weights[place];
  rest *= random();
  for (let place = 0; place < weights.length; place++) {
    rest -= weights[place];
    if (rest < 0) return place + UNKNOWN + 1;
  }
  return likeliest; // rounding left a rest after the last one
}

/**
 * Read `prompt` (an empty one stands for `model.start`, a line break), then write `length` characters, one at a time.
 *
 * Yields { character, written, bits }: a character of the prompt (written: false) or a new one, and how
 * surprised the model was by it, at temperature 1; null for the first, which nothing foretold. `chosen` is as in
 * `choose`.
 */
export function* write(model, { prompt, length, seed, ...chosen }) {
  const random = randomNumbers(seed);
  let now = { logits: null, states: emptyStates(model) };
  const step = (id) => {
    const bits = now.logits && surprise(now.logits, id);
    now = read(model, id, now.states);
    return bits;
  };
  for (const character of prompt) {
    yield { character, written: false, bits: step(model.ids.get(character) ?? UNKNOWN) };
  }
  if (!prompt) step(model.ids.get(model.start));
  for (let count = 0; count < length; count++) {
    const id = choose(now.logits, chosen, random);
    yield { character: model.characters[id - 1], written: true, bits: step(id) };
  }
}

/** The distinct characters of `text` that the model does not know, in order of appearance. */
export function outside(model, text) {
  return [...new Set(text)].filter((character) => !model.ids.has(character));
}
