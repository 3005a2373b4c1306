"use strict";
// Filters of the gallery, and j and k to walk through the cards that are left.
const form = document.getElementById("filters");
const cards = Array.from(document.querySelectorAll(".card"));
const output = document.getElementById("shown");

function isShown(card, want) {
  const errors = card.dataset.wrong.split(" ").map((error) => error.split(":"));
  const by = (name) => errors.some(([number]) => number === name);
  return (!want.get("entity") || card.dataset.entity === want.get("entity"))
    && (!want.get("slice") || card.dataset.slice === want.get("slice"))
    && (!want.get("right") || !by(want.get("right")))
    && errors.some(([number, kind]) =>
      (!want.get("wrong") || number === want.get("wrong")) && (!want.get("kind") || kind === want.get("kind")));
}

function apply() {
  const want = new FormData(form);
  let count = 0;
  for (const card of cards) {
    card.hidden = !isShown(card, want);
    if (!card.hidden) count += 1;
  }
  output.textContent = `${count} of ${cards.length} shown`;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !"jk".includes(event.key) || event.key.length !== 1) return;
  if (event.target.closest("input, select")) return;
  const left = cards.filter((card) => !card.hidden);
  const at = left.indexOf(document.activeElement.closest(".card"));
  const next = left[event.key === "j" ? at + 1 : Math.max(at - 1, 0)];
  if (!next) return;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "start" });
});

form.hidden = false;
form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
apply();
