// Times as people say them, kept true while they are shown.
import { el } from "./dom.js";

const TICK_MS = 15_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayAndClock = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const wholeDay = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

const shown = new Set();
setInterval(() => {
  for (const each of shown) {
    if (each.node.isConnected) each.update();
    else shown.delete(each);
  }
}, TICK_MS);

export function moment(ms) {
  const at = new Date(ms);
  return at.toDateString() === new Date().toDateString() ? clock.format(at) : dayAndClock.format(at);
}

export function dayOf(ms) {
  return wholeDay.format(new Date(ms));
}

/** "12 min", "3 h 20 min", "2 d". */
export function span(ms) {
  const length = Math.abs(ms);
  if (length < MINUTE) return "under a minute";
  if (length < HOUR) return `${Math.floor(length / MINUTE)} min`;
  if (length < DAY) {
    const minutes = Math.floor((length % HOUR) / MINUTE);
    return `${Math.floor(length / HOUR)} h${minutes ? ` ${minutes} min` : ""}`;
  }
  return `${Math.floor(length / DAY)} d ${Math.floor((length % DAY) / HOUR)} h`;
}

/** A <time> whose words `tell(ms from now)` gives; its class says "late" once the time has come, "soon" before. */
export function countdown(ms, tell, { soon = 0 } = {}) {
  const node = el("time", { datetime: new Date(ms).toISOString(), title: moment(ms) });
  const update = () => {
    const left = ms - Date.now();
    node.textContent = tell(left);
    node.className = left <= 0 ? "late" : left <= soon ? "soon" : "";
  };
  update();
  shown.add({ node, update });
  return node;
}

export function todayUtc() {
  return new Date().toISOString().slice(0, 10);
}
