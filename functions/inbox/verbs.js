// What an agent can do with a thread besides writing: when it is offered, what it asks first, what it sends.
import { ask } from "./dialogs.js";
import { el } from "./dom.js";
import * as colleagues from "./colleagues.js";

const CLAIMABLE = ["open", "waiting", "snoozed"];
const HOUR_MS = 3_600_000;

/** `asks` gives the body to send, or null for no; `leaves` ends our claim. */
export const VERBS = {
  claim: { key: "c", label: "Take", done: "It is yours.", fits: (thread, isMine) => !isMine && CLAIMABLE.includes(thread.status) && !isHeld(thread), asks: () => ({}) },
  reopen: { key: "u", label: "Reopen", done: "Reopened.", fits: (thread) => thread.status === "resolved", asks: () => ({}) },
  resolve: { key: "e", label: "Resolve", done: "Resolved.", leaves: true, fits: (_, isMine) => isMine, asks: seen },
  snooze: { key: "s", label: "Snooze", done: "Snoozed.", leaves: true, fits: (_, isMine) => isMine, asks: askUntil },
  release: { key: "x", label: "Give back", done: "Given back.", leaves: true, fits: (_, isMine) => isMine, asks: (thread) => ({ fence: thread.fence }) },
  tag: { key: "t", label: "Tag", done: "Tags changed.", fits: () => true, asks: askTags },
  assign: { key: "g", label: "Assign", done: "Assigned.", leaves: true, fits: (thread) => CLAIMABLE.includes(thread.status), asks: askAgent },
  transfer: { key: "m", label: "Transfer", done: "Transferred.", leaves: true, fits: (thread) => CLAIMABLE.includes(thread.status), asks: askInbox },
};

/** Somebody is at it; their claim has not run out. */
export function isHeld(thread) {
  return Boolean(thread.owner) && thread.lease_until > Date.now();
}

function seen(thread) {
  return { fence: thread.fence, last_inbound: thread.last_inbound };
}

function fenceOf(thread, isMine) {
  return isMine ? { fence: thread.fence } : {};
}

async function askTags() {
  const given = await ask("Add tags", [["add", "Tags, parted by commas", el("input", { type: "text", required: true, maxlength: 500 })]], "Add");
  const add = given?.add.split(",").map((each) => each.trim()).filter(Boolean);
  return add?.length ? { add, remove: [] } : null;
}

async function askAgent(thread, isMine) {
  const agents = await colleagues.of(thread.inbox);
  const select = el("select", { required: true }, agents.map((each) => el("option", { value: each.id }, `${each.email} (${each.role})`)));
  const given = await ask("Assign to", [["agent", "Colleague", select]], "Assign");
  return given && { agent: given.agent, ...fenceOf(thread, isMine) };
}

async function askInbox(thread, isMine, me) {
  const others = Object.keys(me.inboxes).filter((each) => each !== thread.inbox);
  const input = el("input", { type: "text", required: true, maxlength: 100, list: "other-inboxes", value: others.length === 1 ? others[0] : null });
  const list = el("datalist", { id: "other-inboxes" }, others.map((each) => el("option", { value: each })));
  document.body.append(list);
  const given = await ask("Transfer to another inbox", [["inbox", "Inbox", input]], "Transfer", { text: "Its people get the thread with all that was said; your claim ends." });
  list.remove();
  return given && { inbox: given.inbox, ...fenceOf(thread, isMine) };
}

async function askUntil(thread) {
  const when = el("select", {},
    el("option", { value: "next_opening" }, "until the next opening"),
    [1, 4, 24].map((hours) => el("option", { value: hours }, `for ${hours === 24 ? "a day" : hours === 1 ? "an hour" : `${hours} hours`}`)),
    el("option", { value: "at" }, "until a time"));
  const at = el("input", { type: "datetime-local", value: local(Date.now() + HOUR_MS) });
  const given = await ask("Snooze", [["when", "How long", when], ["at", "Time, where you chose one", at]], "Snooze");
  if (!given) return null;
  const until = given.when === "next_opening" ? given.when : given.when === "at" ? new Date(given.at).getTime() : Date.now() + Number(given.when) * HOUR_MS;
  return { ...seen(thread), until };
}

function local(ms) {
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
