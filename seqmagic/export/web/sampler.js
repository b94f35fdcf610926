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

/** Rows and columns change places, so that a product reads the weights in the order they lie in memory. */
function transpose(values, rows, columns) {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) turned[column * rows + row] = values[row * columns + column];
  }
  return turned;
}

/**
 * Make a model from its description, the JSON that seqmagic writes.
 *
 * cells: "rnn", "lstm" or "gru" for each layer. characters: those of the ids 1, 2, ... in order.
 * shapes: of the arrays in `weights`: embedding (V, E); kernel (D, G*U), recurrent kernel (U, G*U) and
 * bias (G*U), for a gru (2, 3*U), of each layer; dense kernel (U, V), dense bias (V).
 * weights: all of them one after another, float16 in base64.
 */
export function openModel({ cells, characters, shapes, weights }) {
  const values = decodeHalves(weights);
  let start = 0;
  const arrays = shapes.map((shape) => {
    const size = shape.reduce((product, length) => product * length, 1);
    start += size;
    return values.subarray(start - size, start);
  });
  const matrix = (index) => transpose(arrays[index], ...shapes[index]);
  const last = arrays.length - 1;
  return {
    characters,
    start: characters.includes("\n") ? "\n" : characters[0], // read where there is no prompt
    ids: new Map(characters.map((character, index) => [character, index + 1])),
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

/** sums[j] += x · (column j of a matrix whose columns lie one after another in `turned`). */
function addProduct(sums, x, turned) {
  const width = x.length;
  for (let j = 0, k = 0; j < sums.length; j++) {
    let sum = 0;
    for (let i = 0; i < width; i++, k++) sum += x[i] * turned[k];
    sums[j] += sum;
  }
  return sums;
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// One step of each cell: the input x and the state before -> the state after.

/** Elman 1990: h = tanh(x·W + h·U + b). */
function rnnStep(x, { h }, { W, U, b }) {
  const sums = addProduct(addProduct(b.slice(), x, W), h, U);
  return { h: sums.map(Math.tanh) };
}

/** Hochreiter & Schmidhuber 1997, Gers et al. 2000: gates guard a memory c. */
function lstmStep(x, { h, c }, { units, W, U, b }) {
  const sums = addProduct(addProduct(b.slice(), x, W), h, U);
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
function gruStep(x, { h }, { units, W, U, b }) {
  const fromInput = addProduct(b.slice(0, 3 * units), x, W);
  const fromState = addProduct(b.slice(3 * units), h, U);
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
    const state = STEPS[layer.cell](x, states[index], layer);
    x = state.h;
    return state;
  });
  return { logits: addProduct(model.denseBias.slice(), x, model.denseKernel), states: after };
}

/** softmax(logits). */
export function probabilities(logits) {
  const highest = Math.max(...logits);
  const weights = Array.from(logits, (logit) => Math.exp(logit - highest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** How surprising `id` is after these logits: -log2 of its probability, in bits. */
export function surprise(logits, id) {
  return -Math.log2(probabilities(logits)[id]);
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

/** The id to write: the likeliest at temperature 0 (under 1e-6), else drawn from softmax(logits / temperature). */
export function choose(logits, temperature, random) {
  let likeliest = UNKNOWN + 1;
  for (let id = likeliest + 1; id < logits.length; id++) if (logits[id] > logits[likeliest]) likeliest = id;
  if (temperature < 1e-6) return likeliest;
  const weights = Array.from(logits, (logit) => Math.exp((logit - logits[likeliest]) / temperature));
  weights[UNKNOWN] = 0;
  let rest = random() * weights.reduce((sum, weight) => sum + weight, 0);
  for (let id = UNKNOWN + 1; id < weights.length; id++) {
    rest -= weights[id];
    if (rest < 0) return id;
  }
  return likeliest; // rounding left a rest after the last one
}

/**
 * Read `prompt` (an empty one stands for `model.start`, a line break), then write `length` characters, one at a time.
 *
 * Yields { character, written, bits }: a character of the prompt (written: false) or a new one, and how
 * surprised the model was by it, at temperature 1; null for the first, which nothing foretold.
 */
export function* write(model, { prompt, length, temperature, seed }) {
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
    const id = choose(now.logits, temperature, random);
    yield { character: model.characters[id - 1], written: true, bits: step(id) };
  }
}

/** The distinct characters of `text` that the model does not know, in order of appearance. */
export function outside(model, text) {
  return [...new Set(text)].filter((character) => !model.ids.has(character));
}
