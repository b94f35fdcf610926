// What the page can do beyond being read: the theme, and what a model would rather have read.

"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;
const theme = document.getElementById("theme");
const dark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
}

function showTheme() {
  theme.textContent = isDark() ? theme.dataset.light : theme.dataset.dark;
}

theme.hidden = false;
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  showTheme();
});
dark.addEventListener("change", showTheme);
showTheme();

/** A character that can be seen: a space as a sign, others as the page has them. */
function visible(character) {
  if (character === " ") return "␣";
  if (character === "\n") return "⏎";
  if (character === "\t") return "→";
  if (/^[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]$/u.test(character)) {
    return `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  }
  return character;
}

for (const passage of document.querySelectorAll(".passage[data-model]")) {
  const model = Number(passage.dataset.model);
  const pieces = [...passage.querySelectorAll("i")];
  const said = passage.parentElement.querySelector(".said");
  let here = -1;

  const show = (place) => {
    pieces[here]?.classList.remove("here");
    here = place;
    if (here < 0) return;
    pieces[here].classList.add("here");
    const bits = data.surprise.bits[model][here];
    const top = data.surprise.top[model][here];
    const guesses = top.map(([character, share]) => `${visible(character)} ${(100 * share).toFixed(1)} %`);
    said.textContent = `${pieces[here].textContent}: ${bits === null ? "–" : bits.toFixed(2)} bits · ${guesses.join(" · ")}`;
  };

  passage.addEventListener("pointerover", (event) => {
    const place = pieces.indexOf(event.target);
    if (place >= 0) show(place);
  });
  passage.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 20, ArrowUp: -20 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(Math.min(pieces.length - 1, Math.max(0, here + step)));
  });
  passage.addEventListener("blur", () => show(-1));
}
