"use strict";
// Pointing at a mark or a row lights it and what belongs to it, and shows its columns below the picture; a tap holds it.
const detail = document.getElementById("detail");
const greeting = detail.textContent;
const picture = document.querySelector(".picture");
let held = "";

// The tooltips are for pages without a script; with one, the box below the picture says the same.
document.querySelectorAll(".mark > title").forEach((title) => title.remove());

const rowOf = (key) => document.querySelector(`tr[data-key="${key}"]`);

function describe(key) {
  const row = rowOf(key);
  const names = row.closest("table").querySelectorAll("thead th");
  const line = document.createElement("p");
  Array.from(row.cells).forEach((cell, column) => {
    if (!cell.textContent) return;
    const value = document.createElement(cell.tagName === "TH" || column === 0 ? "b" : "bdi");
    value.textContent = cell.textContent;
    line.append(names[column].textContent ? ` ${names[column].textContent} ` : " ", value, " ");
  });
  return line;
}

function light(keys) {
  document.querySelectorAll(".on").forEach((element) => element.classList.remove("on"));
  const lit = new Set(keys);
  keys.forEach((key) => rowOf(key).dataset.related.split(" ").forEach((other) => other && lit.add(other)));
  lit.forEach((key) =>
    document.querySelectorAll(`[data-key="${key}"]`).forEach((element) => element.classList.add("on")));
  detail.replaceChildren(...(keys.length ? keys.map(describe) : [greeting]));
}

function keysAt(event) {
  const row = event.target.closest("tr[data-key]");
  if (row) return [row.dataset.key];
  if (!picture.contains(event.target)) return [];
  const marks = document.elementsFromPoint(event.clientX, event.clientY).map((element) => element.closest(".mark"));
  return [...new Set(marks.filter(Boolean).map((mark) => mark.dataset.key))];
}

document.addEventListener("pointermove", (event) => {
  if (event.pointerType === "mouse" && !held) light(keysAt(event));
});
document.addEventListener("click", (event) => {
  if (event.target.closest("label, figcaption")) return;
  const keys = keysAt(event);
  const same = keys.join(" ") === held;
  held = same ? "" : keys.join(" ");
  light(same ? [] : keys);
  if (held && event.target.closest("tr")) picture.scrollIntoView({ block: "nearest", behavior: "smooth" });
});
