// The page: its form, its text, its colours. All that it knows of the model is in sampler.js.

import { openModel, outside, surpriseBin, write } from "./sampler.js";

const MILLISECONDS_AT_A_TIME = 24; // of writing, before the browser may draw and listen again

const [form, promptField, text, status] = ["settings", "prompt", "text", "status"].map(element);
const model = openModel(JSON.parse(element("model").textContent));
let running = null; // the writing that goes on: { stopped }
let shown = null; // the pieces of the text that is shown, as `write` yields them; null for the example that came along

function element(id) {
  return document.getElementById(id);
}

/** A number with `digits` decimals, as English writes it. */
function figure(value, digits = 0) {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A character that can be seen: itself, or a sign or its code point. */
function visible(character) {
  const signs = { " ": "␣", "\n": "⏎", "\t": "⇥" };
  if (/^[\p{L}\p{N}\p{P}\p{S}]$/u.test(character)) return character;
  return signs[character] ?? `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** The class of a piece. Only a painted text needs more than where its prompt ends. */
function look({ character, written, bits }, painted) {
  const bin = painted ? surpriseBin(bits) : null;
  return [!written && "prompt", bin !== null && `bits-${bin}`, painted && character === "\n" && "break"]
    .filter(Boolean)
    .join(" ");
}

/** Append pieces of writing; neighbours that look alike share an element, a painted line break has its own. */
function append(pieces) {
  const painted = text.classList.contains("painted");
  const last = text.lastElementChild;
  const added = last ? [{ element: last, look: last.className, characters: [] }] : [];
  for (const piece of pieces) {
    const mine = look(piece, painted);
    if (added.at(-1)?.look !== mine || mine.endsWith("break")) added.push({ look: mine, characters: [] });
    added.at(-1).characters.push(piece.character);
  }
  for (const { element, look, characters } of added) {
    if (element) element.append(characters.join(""));
    else text.append(Object.assign(document.createElement("span"), { className: look, textContent: characters.join("") }));
  }
}

/** The pieces of the text that is shown. Those of the example are found by reading it, as a prompt is read. */
function shownPieces() {
  if (shown === null) {
    const fromPrompt = [...text.firstElementChild.textContent].length;
    const pieces = [...write(model, { prompt: text.textContent, length: 0, temperature: 0, seed: 0 })];
    shown = pieces.map((piece, place) => ({ ...piece, written: place >= fromPrompt }));
  }
  return shown;
}

/** Show the whole text again, painted or not. */
function repaint() {
  const pieces = shownPieces();
  text.replaceChildren();
  append(pieces);
}

async function copy() {
  const written = text.textContent;
  try {
    await navigator.clipboard.writeText(written);
  } catch {
    getSelection().selectAllChildren(text);
    document.execCommand("copy"); // where a page may not use the clipboard by itself
  }
  status.textContent = `Copied ${figure([...written].length)} characters.`;
}

function settings() {
  const number = (id) => element(id).valueAsNumber;
  return {
    prompt: promptField.value,
    length: number("length"),
    temperature: number("temperature"),
    topK: number("top-k"),
    topP: number("top-p"),
    seed: number("seed"),
  };
}

/** Write until done or stopped, in slices, so that the page stays alive. */
async function run() {
  const chosen = settings();
  const mine = (running = { stopped: false });
  const started = performance.now();
  const tally = { prompt: { count: 0, bits: 0 }, written: { count: 0, bits: 0 } };
  const written = (shown = []);
  text.replaceChildren();
  element("example").hidden = true;
  showText();
  element("start").textContent = "Stop";
  status.textContent = "Writing.";
  const pieces = write(model, chosen);
  let next = pieces.next();
  while (!next.done && !mine.stopped) {
    const pause = performance.now() + MILLISECONDS_AT_A_TIME;
    const begin = written.length;
    for (; !next.done && performance.now() < pause; next = pieces.next()) {
      written.push(next.value);
      const part = next.value.written ? tally.written : tally.prompt;
      part.count++;
      part.bits += next.value.bits ?? 0;
    }
    append(written.slice(begin)); // once for all of them: the page is slower than the model
    await new Promise((resume) => setTimeout(resume));
  }
  status.textContent = summary(tally, mine.stopped, (performance.now() - started) / 1000);
  element("start").textContent = "Write";
  running = null;
}

/** What was done, in words. The first character of a prompt has no surprise: nothing foretold it. */
function summary({ prompt, written }, stopped, seconds) {
  const words = [];
  if (written.count) {
    const speed = figure(written.count / Math.max(seconds, 0.001));
    words.push(`${stopped ? "Stopped after" : "Wrote"} ${figure(written.count)} characters, ${speed} a second.`);
    words.push(`Surprise: ${figure(written.bits / written.count, 2)} bits each.`);
  } else if (stopped) words.push("Stopped.");
  if (prompt.count > 1) words.push(`Prompt: ${figure(prompt.bits / (prompt.count - 1), 2)} bits each.`);
  return words.join(" ") || "Nothing to write: the length is 0.";
}

/** On a narrow screen the text begins below the form: bring it into sight. */
function showText() {
  const section = text.parentElement;
  if (section.getBoundingClientRect().top > innerHeight / 2) section.scrollIntoView();
}

function stop() {
  if (running) running.stopped = true;
}

function noteUnknown() {
  const missing = outside(model, promptField.value);
  const shown = missing.slice(0, 20).map(visible).join(" ");
  element("unknown").textContent = missing.length
    ? `Not among its characters, read as unknown: ${shown}${missing.length > 20 ? " …" : ""}`
    : "";
}

function showTemperature() {
  element("temperature-value").textContent = figure(element("temperature").valueAsNumber, 2);
}

function showSurprise() {
  const on = element("surprise").checked;
  element("legend").hidden = !on;
  if (text.classList.contains("painted") === on) return;
  text.classList.toggle("painted", on);
  repaint();
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function showTheme() {
  element("theme").textContent = isDark() ? "Light" : "Dark";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) stop();
  else run();
});
promptField.addEventListener("input", noteUnknown);
promptField.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
});
element("temperature").addEventListener("input", showTemperature);
element("surprise").addEventListener("change", showSurprise);
element("copy").addEventListener("click", copy);
element("reseed").addEventListener("click", () => {
  element("seed").value = Math.floor(Math.random() * 2 ** 31);
});
element("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  showTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);

element("vocabulary").textContent = model.characters.map(visible).join(" ");
showTemperature();
showSurprise();
showTheme();
noteUnknown();
status.textContent = "Ready.";
