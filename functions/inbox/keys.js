// Keyboard shortcuts: single keys wherever nothing is being typed.
import { el } from "./dom.js";
import { isOpen, tell } from "./dialogs.js";

const bound = new Map();

export function bind(key, words, act) {
  bound.set(key, { words, act });
}

export function help() {
  const rows = [...[...bound].filter(([key]) => key !== "Escape"), ["Enter", { words: "open the thread in focus" }], ["Ctrl+Enter", { words: "send the reply or save the note" }], ["Esc", { words: "leave the text; then back to the list" }]];
  return tell("Keyboard shortcuts", el("dl", { class: "keys" },
    rows.map(([key, { words }]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, words)))));
}

document.addEventListener("keydown", (event) => {
  if (isOpen() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target.matches("input, textarea, select");
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const found = bound.get(event.key);
  if (!found) return;
  event.preventDefault();
  found.act();
});
