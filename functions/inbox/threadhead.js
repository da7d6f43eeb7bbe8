// The top of a thread: who, where, how urgent, its tags, what can be done, and what is known of the customer.
import { call, path } from "./api.js";
import { nameOf } from "./colleagues.js";
import { el, fill, plain, sign } from "./dom.js";
import { countdown, moment, span } from "./times.js";
import { channel, readable, status } from "./words.js";

const SOON_MS = 60 * 60_000;

export function head(thread, { actions, untag, back }) {
  return el("header", { class: "thread-head" },
    el("div", { class: "thread-title" },
      el("button", { type: "button", class: "quiet back", onclick: back, "aria-label": "Back to the list" }, "‹ List"),
      el("h2", { id: "thread-name", tabindex: "-1" }, el("bdi", {}, plain(thread.contact?.name || "Customer"))),
      el("span", { class: "number" }, thread.number),
      el("span", { class: `badge status-${thread.status}` }, status(thread.status))),
    el("div", { class: "facts" },
      el("span", {}, channel(thread.channel), thread.contact?.language && ` · ${thread.contact.language}`),
      thread.owner && el("span", {}, `with ${nameOf(thread.owner) === "You" ? "you" : nameOf(thread.owner)}`),
      !thread.owner && thread.kept_for && thread.kept_until > Date.now() && el("span", {}, `kept for ${nameOf(thread.kept_for) === "You" ? "you" : nameOf(thread.kept_for)} until ${moment(thread.kept_until)}`),
      marks(thread),
      thread.contact?.opted_out && el("span", { class: "late" }, "opted out"),
      (thread.handoff ?? []).length > 0 && el("span", { class: "faint" }, `needs a person: ${thread.handoff.map(readable).join(", ")}`)),
    el("div", { class: "tags" }, (thread.tags ?? []).map((tag) => el("span", { class: "tag" }, el("bdi", {}, plain(tag)),
      el("button", { type: "button", "aria-label": `Remove the tag ${plain(tag)}`, onclick: () => untag(tag) }, "×")))),
    el("div", { class: "actions", role: "toolbar", "aria-label": "Actions" }, actions.map(({ label, key, run, strong }) =>
      el("button", { type: "button", class: strong ? "strong" : null, "aria-keyshortcuts": key, onclick: run }, `${label} `, sign(key)))),
    contactCard(thread));
}

/** Due time and message window, counted down. */
export function marks(thread) {
  const isDue = thread.due_at && (thread.status ?? "open") === "open";
  const late = thread.sla === "overdue" || thread.sla === "escalated";
  const escalated = thread.sla === "escalated" ? " · escalated" : "";
  return [
    isDue && el("span", { class: `sla ${late ? "late" : thread.sla === "warned" ? "soon" : ""}` },
      countdown(thread.due_at, (left) => (left > 0 ? `due in ${span(left)}` : `overdue by ${span(left)}`) + escalated, { soon: 10 * 60_000 })),
    thread.status === "snoozed" && thread.snoozed_until ? el("span", {}, "back ", countdown(thread.snoozed_until, (left) => (left > 0 ? `in ${span(left)}` : "now"))) : null,
    thread.status === "resolved" && thread.resolved_at ? el("span", {}, `resolved ${moment(thread.resolved_at)}`) : null,
    thread.window_until && thread.status !== "resolved" ? el("span", {}, countdown(thread.window_until, (left) => (left > 0 ? `window ${span(left)}` : "window closed"), { soon: SOON_MS })) : null,
  ];
}

function contactCard(thread) {
  const place = el("div", { class: "card" }, "Loading …");
  const details = el("details", { class: "contact" }, el("summary", {}, "Customer"), place);
  details.addEventListener("toggle", async () => {
    if (!details.open) return;
    try {
      fill(place, ...card(await call("GET", path`/api/threads/${thread.id}/contact`)));
    } catch (problem) {
      fill(place, el("p", { class: "error", role: "alert" }, problem.message));
    }
  });
  return details;
}

function card(contact) {
  const facts = [
    ["Names", (contact.names ?? []).map(plain).join(", ")],
    ["Languages", (contact.languages ?? []).join(", ")],
    ["Preferences", Object.entries(contact.preferences ?? {}).filter(([, value]) => value).map(([name, value]) => `${readable(name)}: ${plain(value)}`).join(", ")],
    ["Messages", contact.messages],
    ["Last wrote", contact.last_in_at ? moment(contact.last_in_at) : ""],
    ["Opted out", contact.opted_out ? "yes" : ""],
  ].filter(([, value]) => value);
  const earlier = contact.earlier ?? [];
  return [
    facts.length === 0 && earlier.length === 0 && el("p", {}, "Nothing is known yet."),
    el("dl", {}, facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    earlier.length > 0 && el("h3", {}, "Earlier"),
    earlier.length > 0 && el("ul", {}, earlier.map((each) => el("li", {},
      `${each.number} · ${moment(each.opened_at)}`, each.resolved_at && ` – ${moment(each.resolved_at)}`, each.by && ` · ${nameOf(each.by)}`,
      each.tags?.length > 0 && ` · ${each.tags.map(plain).join(", ")}`, each.csat_score && ` · score ${each.csat_score} of 5`))),
  ];
}
