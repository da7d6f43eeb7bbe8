// One thread: shown, kept up to date, held by heartbeats, and acted upon.
import { Problem, call, path } from "./api.js";
import { nameOf } from "./colleagues.js";
import { Composer } from "./composer.js";
import { ask, choose } from "./dialogs.js";
import { el, fill, plain } from "./dom.js";
import { say, warn } from "./notices.js";
import { head } from "./threadhead.js";
import { Timeline } from "./timeline.js";
import { VERBS } from "./verbs.js";

const HEARTBEAT_MS = 40_000;
const NEWS_MS = 20_000;
const SETTLING_MS = [0, 1500, 5000]; // after which a reply's state is looked for
const ANSWERS_MS = 5 * 60_000;
const AWAY_MS = 15 * 60_000; // without a key or a touch the claim is left to run out

let lastActive = Date.now();
for (const kind of ["keydown", "pointerdown"]) addEventListener(kind, () => { lastActive = Date.now(); }, { capture: true, passive: true });

export class ThreadView {
  /** `left` is told when the thread is no longer ours to work on, `changed` when lists may differ. */
  constructor(place, { me, back, left, changed }) {
    Object.assign(this, { place, me, back, left, changed });
    this.timeline = new Timeline({ may: (entry) => this.mayJudge(entry), approve: (entry) => this.approve(entry), reject: (entry) => this.reject(entry) });
    this.composer = new Composer({
      send: (kind, thread, text, key, answer) =>
        kind === "note" ? this.note(thread, text, key) : this.reply(thread, text, key, answer),
      offer: (kinds) => this.offer(kinds),
      take: () => this.act("claim"),
    });
    setInterval(() => this.beat(), HEARTBEAT_MS);
    setInterval(() => !document.hidden && this.refresh(), NEWS_MS);
    this.close();
  }

  get isMine() {
    return this.thread?.owner === this.me.agent;
  }

  get leads() {
    return ["lead", "admin"].includes(this.me.inboxes[this.thread.inbox]);
  }

  close() {
    this.id = null;
    this.thread = null;
    this.banner = el("div", { class: "banner", role: "alert", hidden: true });
    fill(this.place, el("p", { class: "empty" }, "Pull the next thread, or choose one from the list."));
  }

  async open(id) {
    this.id = id;
    this.thread = null;
    this.found = { entries: new Map(), notes: new Map(), history: new Map(), cursor: null };
    this.holds = false;
    fill(this.place, el("p", { class: "empty" }, "Loading …"));
    try {
      const shown = await this.load();
      if (this.id !== id) return;
      this.headPlace = el("div", {});
      this.older = el("button", { type: "button", class: "quiet wide", onclick: () => this.showOlder() }, "Show older");
      this.scroll = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Messages" }, this.older, this.timeline.node);
      this.settle();
      this.place.dataset.thread = id;
      fill(this.place, this.headPlace, this.banner, this.scroll, this.composer.node);
      this.adopt(shown);
      this.scroll.scrollTop = this.scroll.scrollHeight;
      this.place.querySelector("#thread-name").focus({ preventScroll: true });
    } catch (problem) {
      if (this.id === id) fill(this.place, el("button", { type: "button", class: "quiet back", onclick: this.back }, "‹ List"), el("p", { class: "error", role: "alert" }, problem.message));
    }
  }

  load(cursor) {
    const query = cursor ? `?${new URLSearchParams({ cursor })}` : "";
    return call("GET", path`/api/threads/${this.id}` + query);
  }

  /** Look again; what is new is said. */
  async refresh() {
    const { id } = this;
    if (!this.thread) return;
    try {
      const shown = await this.load();
      if (this.id === id && this.thread) this.adopt(shown);
    } catch (problem) {
      if (problem.status === 404) this.announce(problem.message);
    }
  }

  adopt(shown) {
    const before = this.thread;
    const news = this.merge(shown);
    this.thread = shown.thread;
    document.title = `${this.thread.contact?.name || "Customer"} · ${this.thread.number} · Afterhours`;
    this.draw();
    const lost = this.holds && !this.isMine && !this.isLeaving;
    this.holds = this.isMine;
    if (this.isMine) this.prepare();
    if (!before) return;
    if (lost) {
      this.announce(this.thread.owner
        ? `${nameOf(this.thread.owner)} has this thread now. What you wrote is kept here.`
        : "You no longer hold this thread. What you wrote is kept here.", VERBS.claim.fits(this.thread, false));
    }
    if (news.length > 0 && !lost) this.announce(`New from ${plain(this.thread.contact?.name || "the customer")}: read it before you go on.`);
  }

  /** What customers or platforms said that was not here before. */
  merge(shown, { older = false } = {}) {
    const { entries } = this.found;
    const isFirst = entries.size === 0;
    const fresh = shown.timeline.filter((each) => !entries.has(each.id));
    const isGap = !older && !isFirst && shown.timeline.length > 0 && fresh.length === shown.timeline.length;
    if (isGap) entries.clear();
    if (isFirst || isGap) this.found.cursor = shown.cursor ?? null;
    for (const [name, items] of [["entries", shown.timeline], ["notes", shown.notes], ["history", shown.history]]) {
      for (const item of items ?? []) this.found[name].set(item.id ?? `${item.at} ${item.verb}`, { id: `${item.at} ${item.verb}`, ...item });
    }
    return isFirst ? [] : fresh.filter((each) => each.by === "contact");
  }

  draw() {
    const stick = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 120;
    const focused = this.headPlace.contains(document.activeElement) ? document.activeElement.getAttribute("aria-keyshortcuts") ?? document.activeElement.id : null;
    const isOpen = this.headPlace.querySelector("details")?.open;
    if (!isOpen || this.drawn !== JSON.stringify([this.thread.status, this.thread.owner, this.thread.tags])) {
      fill(this.headPlace, head(this.thread, { actions: this.actions(), untag: (tag) => this.send("tag", { add: [], remove: [tag] }, "Tag removed."), back: this.back }));
      if (focused) this.headPlace.querySelector(`[aria-keyshortcuts="${CSS.escape(focused)}"], #${CSS.escape(focused)}`)?.focus({ preventScroll: true });
    }
    this.drawn = JSON.stringify([this.thread.status, this.thread.owner, this.thread.tags]);
    this.older.hidden = !this.found.cursor;
    this.timeline.show({ entries: [...this.found.entries.values()], notes: [...this.found.notes.values()], history: [...this.found.history.values()] }, this.thread);
    this.composer.update(this.thread, this.isMine);
    if (stick) this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  actions() {
    return Object.entries(VERBS).filter(([, verb]) => verb.fits(this.thread, this.isMine))
      .map(([name, { label, key }]) => ({ label, key, run: () => this.act(name), strong: name === "claim" || name === "resolve" }));
  }

  async showOlder() {
    try {
      const shown = await this.load(this.found.cursor);
      this.merge(shown, { older: true });
      this.found.cursor = shown.cursor ?? null;
      this.draw();
    } catch (problem) {
      warn(problem.message);
    }
  }

  // What is done to it

  /** A verb of the table, with its questions. */
  async act(name) {
    const verb = VERBS[name];
    if (!this.thread || !verb.fits(this.thread, this.isMine)) return;
    const { id } = this;
    try {
      const body = await verb.asks(this.thread, this.isMine, this.me);
      if (body && this.id !== id) return warn("You have gone to another thread; nothing was done.");
      if (body) await this.send(name, body, verb.done, verb.leaves);
    } catch (problem) {
      warn(problem.message);
    }
  }

  async send(name, body, done, leaves = false) {
    const { id } = this;
    this.isLeaving = leaves;
    try {
      await call("POST", path`/api/threads/${id}/${name}`, body);
      say(done);
      this.settle();
      await this.refresh();
      if (leaves && !this.isMine) this.left(id);
      this.changed();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.isLeaving = false;
      await this.refused(problem);
    } finally {
      this.isLeaving = false;
    }
  }

  /** Show what is new with the refusal. */
  async refused(problem) {
    if (problem.status === 409 || problem.status === 404) await this.refresh();
    this.announce(problem.message, ["lease_over", "stale_fence"].includes(problem.code) && VERBS.claim.fits(this.thread, this.isMine));
    if (problem.status === 409) this.changed();
  }

  /** To the thread that it was written for, wherever the agent has gone meanwhile. */
  async reply(thread, text, key, answer) {
    const { id } = thread;
    try {
      const body = { key, text, fence: thread.fence, last_inbound: thread.last_inbound, ...(answer && { answer }) };
      const taken = await call("POST", path`/api/threads/${id}/reply`, body);
      say(taken.state === "held" ? "It waits for a colleague's approval." : "It is on its way.");
      this.settle();
    } catch (problem) {
      if (this.id !== id || !this.thread) throw problem;
      // An answer that got lost is not a refusal: the thread tells whether the text was taken.
      await this.refresh();
      if (this.id !== id || !this.thread) throw problem;
      const taken = problem.isUnclear && [...this.found.entries.keys()].some((each) => each.endsWith(`#${key}`));
      if (!taken) {
        if (problem.status === 409) this.announce(problem.message, VERBS.claim.fits(this.thread, this.isMine));
        throw problem;
      }
      say("It is on its way.");
    }
    for (const ms of SETTLING_MS) setTimeout(() => this.id === id && this.refresh(), ms);
    this.changed();
  }

  async note(thread, text, key) {
    await call("POST", path`/api/threads/${thread.id}/note`, { key, text });
    say("Note saved.");
    this.refresh();
  }

  /** Prepared answers, asked for before they are wanted, so that the dialog is there with the key. */
  prepare() {
    if (this.answers?.id === this.id && Date.now() - this.answers.at < ANSWERS_MS) return this.answers.given;
    const given = call("GET", path`/api/threads/${this.id}/answers`);
    this.answers = { id: this.id, at: Date.now(), given };
    given.catch(() => { this.answers = null; });
    return given;
  }

  async offer(kinds) {
    try {
      const { answers } = await this.prepare();
      const found = answers.filter((each) => kinds.includes(each.kind));
      if (found.length === 0) return warn(kinds.length === 1 ? "No other way is set up for this customer." : "No answers are set up for this inbox.");
      if (kinds.length === 1 && found.length === 1) return found[0];
      return await choose(kinds.length === 1 ? "Offer another way" : "Insert an answer", found.map((each) => {
        const isBarred = each.kind === "canned" && each.approved === false && !this.leads;
        return { ...each, label: each.id, badge: isBarred ? "not approved yet" : each.kind === "way" ? "another way" : null, disabled: isBarred };
      }));
    } catch (problem) {
      return warn(problem.message);
    }
  }

  // Approval

  mayJudge(entry) {
    return this.leads && entry.agent !== this.me.agent;
  }

  approve(entry) {
    return this.send("approve", { key: keyOf(entry) }, "Approved; it is on its way.");
  }

  async reject(entry) {
    const { id } = this;
    const given = await ask("Reject this reply", [["reason", "Why, for its author", el("input", { type: "text", required: true, maxlength: 500 })]], "Reject");
    if (given && this.id === id) await this.send("reject", { key: keyOf(entry), reason: given.reason }, "Rejected.");
  }

  // The claim

  async beat() {
    if (!this.thread || !this.isMine || !this.holds || Date.now() - lastActive > AWAY_MS) return;
    const { id } = this;
    try {
      const { lease_until } = await call("POST", path`/api/threads/${id}/heartbeat`, { fence: this.thread.fence });
      if (this.id === id && this.thread) this.thread.lease_until = lease_until;
    } catch (problem) {
      if (problem.status !== 409 || this.id !== id) return;
      await this.refresh();
      if (this.isMine) this.announce("Your claim has run out; others may take the thread. What you wrote is kept here.", true);
      this.holds = false;
    }
  }

  announce(text, canTake = false) {
    this.banner.hidden = false;
    fill(this.banner, el("span", {}, text), canTake && el("button", { type: "button", onclick: () => this.send("claim", {}, VERBS.claim.done) }, "Take it again"),
      el("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => this.settle() }, "×"));
  }

  settle() {
    this.banner.hidden = true;
    fill(this.banner);
  }
}

function keyOf(entry) {
  return entry.id.split("#").at(-1);
}
