// What was said, noted and done on a thread, in one column by time.
import { attachment } from "./attachments.js";
import { isKnown, nameOf } from "./colleagues.js";
import { el, plain } from "./dom.js";
import { linked } from "./links.js";
import { dayOf, moment } from "./times.js";
import { OF_NO_INTEREST, SHOWN_ANYWAY, TROUBLED, readable, state, verb } from "./words.js";

const LONG = 1500;

/** `judge` offers approval: {may(entry), approve(entry), reject(entry)}. Known rows are kept as they are. */
export class Timeline {
  constructor(judge) {
    this.node = el("ol", { class: "timeline", "aria-label": "Timeline" });
    this.judge = judge;
    this.rows = new Map();
  }

  show(found, thread) {
    const items = [
      ...found.entries.map((item) => ({ item, draw: () => this.entry(item, thread) })),
      ...found.notes.map((item) => ({ item, draw: () => note(item) })),
      ...found.history.filter((item) => !SHOWN_ANYWAY.has(item.verb)).map((item) => ({ item, draw: () => done(item) })),
    ].sort((one, other) => one.item.at - other.item.at);
    const rows = new Map();
    const nodes = [];
    let day = "";
    for (const { item, draw } of items) {
      if (dayOf(item.at) !== day) {
        day = dayOf(item.at);
        nodes.push(el("li", { class: "day-break" }, el("span", {}, day)));
      }
      const seen = JSON.stringify([item, nameOf(item.agent ?? item.by)]);
      const known = this.rows.get(item.id);
      const row = known?.seen === seen ? known : { seen, node: draw() };
      rows.set(item.id, row);
      nodes.push(row.node);
    }
    this.rows = rows;
    this.node.replaceChildren(...nodes);
  }

  entry(entry, thread) {
    const ours = entry.direction === "out";
    const who = author(entry, thread);
    const held = entry.state === "held";
    const troubled = TROUBLED.has(entry.state);
    return el("li", { class: `entry ${entry.direction} by-${entry.by}${held ? " held" : ""}${troubled ? " troubled" : ""}` },
      el("article", { "aria-label": `${who}, ${moment(entry.at)}` },
        el("header", {}, el("b", {}, el("bdi", {}, plain(who))), how(entry), el("time", { datetime: new Date(entry.at).toISOString() }, moment(entry.at))),
        entry.kind !== "message" && el("p", { class: "kind" }, readable(entry.kind)),
        entry.deleted_at ? el("p", { class: "faint" }, "The customer has deleted this message.") : null,
        entry.text && body(entry.text),
        (entry.attachments ?? []).map((each, index) => attachment(thread.id, entry.id, each, index)),
        (ours || entry.handoff?.length > 0) && el("footer", {},
          ours && entry.state && el("span", { class: "state" }, state(entry.state)),
          ours && entry.reason && el("span", {}, readable(entry.reason)),
          entry.handoff?.length > 0 && el("span", {}, `needs a person: ${entry.handoff.map(readable).join(", ")}`)),
        held && this.judge.may(entry) && el("div", { class: "buttons" },
          el("button", { type: "button", class: "primary", onclick: () => this.judge.approve(entry) }, "Approve and send"),
          el("button", { type: "button", onclick: () => this.judge.reject(entry) }, "Reject"))));
  }
}

function author(entry, thread) {
  if (entry.by === "contact") return thread.contact?.name || "Customer";
  if (entry.by === "agent") return nameOf(entry.agent);
  if (entry.by === "app") return "Colleague";
  return "Afterhours";
}

/** What it is besides somebody's words. */
function how(entry) {
  if (entry.by === "auto") return el("span", { class: "badge auto" }, entry.rule ? `automatic · ${readable(entry.rule)}` : "automatic");
  if (entry.by === "csat") return el("span", { class: "badge auto" }, "automatic · satisfaction");
  if (entry.by === "public_note") return el("span", { class: "badge auto" }, "automatic · in public");
  if (entry.by === "app") return el("span", { class: "badge" }, "in the platform's own app");
  return null;
}

function body(text) {
  const node = el("p", { class: "text", dir: "auto" }, ...linked(text));
  if (text.length <= LONG && text.split("\n").length <= 40) return node;
  node.classList.add("cut");
  const more = el("button", { type: "button", class: "quiet", onclick: () => {
    node.classList.remove("cut");
    more.remove();
  } }, "Show all of it");
  return [node, more];
}

function note(item) {
  const who = nameOf(item.by);
  return el("li", { class: "entry note" },
    el("article", { "aria-label": `Note by ${who}, ${moment(item.at)}` },
      el("header", {}, el("b", {}, who), el("span", { class: "badge" }, "internal note"),
        el("time", { datetime: new Date(item.at).toISOString() }, moment(item.at))),
      body(item.text)));
}

function done(item) {
  const details = Object.entries(item.detail ?? {}).filter(([name, value]) => value !== null && !OF_NO_INTEREST.has(name))
    .map(([name, value]) => `${readable(name)}: ${told(value)}`).join("; ");
  return el("li", { class: "done" }, `${nameOf(item.by)} ${verb(item.verb)}`, details && ` (${plain(details)})`, " · ", moment(item.at));
}

function told(value) {
  if (Array.isArray(value)) return value.map(told).join(", ");
  if (typeof value === "number" && value > 1e12) return moment(value);
  return isKnown(value) ? nameOf(value) : readable(value);
}
