// Who an agent's id is: the colleagues of an inbox, asked for once.
import { call, path } from "./api.js";

const names = new Map();
const asked = new Map();
let mine = "";

export function iAm(agent) {
  mine = agent;
}

/** [{id, email, role}]. Raises Problem. */
export function of(inbox) {
  if (!asked.has(inbox)) {
    const answer = call("GET", path`/api/inboxes/${inbox}/colleagues`).then(({ agents }) => {
      for (const each of agents) names.set(each.id, each.email);
      return agents;
    });
    answer.catch(() => asked.delete(inbox));
    asked.set(inbox, answer);
  }
  return asked.get(inbox);
}

export function isKnown(agent) {
  return agent === mine || names.has(agent);
}

export function nameOf(agent) {
  if (agent === mine) return "You";
  return names.get(agent)?.split("@")[0] ?? "A colleague";
}
