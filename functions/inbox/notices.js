// What is said in passing: seen for a while in a corner, and read out by screen readers.
import { byId, el } from "./dom.js";

const SHOWN_MS = 6000;
const ALERT_MS = 12000;

export function say(text) {
  show(byId("notices"), text, SHOWN_MS);
}

/** Something went wrong; said at once and shown longer. */
export function warn(text) {
  show(byId("alerts"), text, ALERT_MS);
}

function show(place, text, ms) {
  const close = el("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => note.remove() }, "×");
  const note = el("div", { class: "notice" }, el("span", {}, text), close);
  place.append(note);
  setTimeout(() => note.remove(), ms);
}
