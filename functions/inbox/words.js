// What the API's words mean to a person.

export const VIEWS = { open: "Open", mine: "Mine", snoozed: "Snoozed", resolved: "Resolved", held: "Held" };

const CHANNELS = {
  whatsapp: "WhatsApp", messenger: "Messenger", instagram: "Instagram", webchat: "Web chat",
  facebook_comments: "Facebook comments", instagram_comments: "Instagram comments",
};
const STATUSES = {
  automated: "Automation only", open: "Open", waiting: "Waiting for the customer", snoozed: "Snoozed", resolved: "Resolved",
};
const STATES = {
  held: "waits for approval", planned: "on its way", claimed: "being sent", sent: "sent", delivered: "delivered",
  read: "read", refused: "refused by the platform", unknown: "may not have arrived", dropped: "not sent", failed: "failed",
};
const VERBS = {
  pulled: "pulled it", claimed: "took it", released: "gave it back", tagged: "changed tags", assigned: "assigned it",
  transferred: "transferred it", snoozed: "snoozed it", resolved: "resolved it", reopened: "reopened it",
  approved: "approved a reply", rejected: "rejected a reply",
};
export const SHOWN_ANYWAY = new Set(["replied", "noted"]); // the text itself stands in the timeline
export const OF_NO_INTEREST = new Set(["fence", "key", "episode"]);
export const BLOCKED = {
  window_closed: "The time in which the platform lets us write is over.",
  opted_out: "The customer asked not to be written to.",
  unsupported: "This channel cannot be answered from here.",
};
export const ALLOWED = { note: "add a note", other_way: "offer another way", resolve: "resolve", template: "send a template" };
export const TROUBLED = new Set(["refused", "unknown", "dropped", "failed"]);

export const channel = (name) => CHANNELS[name] ?? readable(name);
export const status = (name) => STATUSES[name] ?? readable(name);
export const state = (name) => STATES[name] ?? readable(name);
export const verb = (name) => VERBS[name] ?? readable(name);

/** A name of the API without its underscores. */
export function readable(name) {
  return String(name ?? "").replaceAll("_", " ");
}
