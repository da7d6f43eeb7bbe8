// Where replies and notes are written. What is written stays until it was taken.
import { nameOf } from "./colleagues.js";
import * as drafts from "./drafts.js";
import { el, fill, sign } from "./dom.js";
import { UNIT_WORDS, measured } from "./measure.js";
import { countdown, span } from "./times.js";
import { VERBS, isHeld } from "./verbs.js";
import { ALLOWED, BLOCKED, readable } from "./words.js";

const SOON_MS = 60 * 60_000;
const NOTE_LIMIT = 10_000;

export class Composer {
  /** `send(kind, text, key, answer)` raises what is to be shown; `offer(kinds)` gives an answer to insert, or null. */
  constructor({ send, offer, take }) {
    this.send = send;
    this.offer = offer;
    this.kind = "reply";
    this.answer = null;
    this.text = el("textarea", { rows: 3, id: "text", dir: "auto", oninput: () => this.written(), onkeydown: (event) => this.pressed(event) });
    this.label = el("label", { for: "text", class: "sr" });
    this.error = el("p", { class: "error", role: "alert" });
    this.counter = el("span", { class: "counter", id: "counter" });
    this.until = el("span", { class: "until" });
    this.reply = this.mode("reply", "Reply", "r");
    this.note = this.mode("note", "Note", "n");
    this.answers = el("button", { type: "button", class: "quiet", "aria-keyshortcuts": "a", onclick: () => this.insert(["canned", "way"]) }, "Answers ", sign("a"));
    this.ways = el("button", { type: "button", class: "quiet", "aria-keyshortcuts": "w", onclick: () => this.insert(["way"]) }, "Other way ", sign("w"));
    this.go = el("button", { type: "submit", class: "primary" });
    this.closed = el("div", { class: "closed" });
    this.take = el("button", { type: "button", class: "primary", onclick: take }, "Take this thread to answer ", sign("c"));
    this.text.setAttribute("aria-describedby", "counter");
    this.node = el("form", { class: "composer", "aria-label": "Write", autocomplete: "off" },
      el("div", { class: "modes", role: "group", "aria-label": "What to write" }, this.reply, this.note, el("span", { class: "grow" }), this.until),
      this.closed, this.label, this.text, this.error,
      el("div", { class: "composer-foot" }, this.answers, this.ways, el("span", { class: "grow" }), this.counter, this.go));
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
  }

  mode(kind, words, key) {
    return el("button", { type: "button", class: "mode", "aria-keyshortcuts": key, onclick: () => this.write(kind) }, `${words} `, sign(key));
  }

  /** Another thread, or news of the same one. */
  update(thread, isMine) {
    const isAnother = this.thread?.id !== thread.id;
    this.thread = thread;
    this.isMine = isMine;
    if (isAnother) {
      this.kind = "reply";
      this.error.textContent = "";
      this.load();
    }
    this.draw();
  }

  /** Go on writing a reply or a note. */
  write(kind) {
    if (this.kind !== kind) {
      this.kind = kind;
      this.error.textContent = "";
      this.load();
    }
    this.draw();
    if (this.text.hidden) this.take.focus();
    else this.text.focus();
  }

  load() {
    const draft = drafts.read(this.thread.id, this.kind);
    this.text.value = draft.text;
    this.answer = draft.answer;
  }

  written() {
    if (this.answer && !this.text.value.includes(this.answer.text)) this.answer = null;
    drafts.write(this.thread.id, this.kind, this.text.value, this.answer);
    this.error.textContent = "";
    this.draw();
  }

  draw() {
    const isNote = this.kind === "note";
    const { limit, unit, parts = 1, until, blocked, allowed = [] } = this.thread.reply ?? {};
    const isOver = until && until <= Date.now();
    const why = isNote ? null : blocked ?? (isOver ? "window_closed" : null);
    const mayWrite = isNote || (this.isMine && !why);
    this.node.classList.toggle("writes-note", isNote);
    this.reply.setAttribute("aria-pressed", String(!isNote));
    this.note.setAttribute("aria-pressed", String(isNote));
    this.label.textContent = isNote ? "Internal note, which the customer never sees" : `Reply to ${this.thread.contact?.name || "the customer"}`;
    this.text.placeholder = isNote ? "An internal note; the customer never sees it" : "Write a reply";
    // A text that can no longer leave stays readable, to be copied.
    this.text.hidden = !mayWrite && this.text.value === "";
    this.text.readOnly = !mayWrite || this.busy === true;
    this.answers.hidden = this.ways.hidden = isNote || !mayWrite;
    this.go.hidden = this.counter.hidden = !mayWrite;
    this.go.textContent = this.busy ? "Sending …" : isNote ? "Save note" : "Send";
    fill(this.closed, ...this.reasons(why, allowed, isNote));
    fill(this.until, !isNote && !why && until ? countdown(until, (left) => `${span(left)} left to write`, { soon: SOON_MS }) : null);
    const most = isNote ? NOTE_LIMIT : limit;
    const length = measured(this.text.value.trim(), isNote ? "code_points" : unit);
    const messages = most && !isNote ? Math.ceil(length / most) : 1;
    const leaves = messages > 1 && messages <= parts ? `, in ${messages} messages` : "";
    this.counter.textContent = most ? `${length} / ${most} ${UNIT_WORDS[isNote ? "code_points" : unit] ?? ""}${leaves}` : `${length}`;
    const isTooLong = Boolean(most) && length > most * (isNote ? 1 : parts);
    this.counter.classList.toggle("late", isTooLong);
    this.text.setAttribute("aria-invalid", String(isTooLong));
    this.go.disabled = this.busy === true || length === 0 || isTooLong;
  }

  reasons(why, allowed, isNote) {
    if (isNote) return [];
    if (why) {
      const can = allowed.map((each) => ALLOWED[each] ?? readable(each));
      return [el("p", {}, BLOCKED[why] ?? readable(why), can.length > 0 && ` You can still ${can.join(", or ")}.`)];
    }
    if (this.isMine) return [];
    if (VERBS.claim.fits(this.thread, false)) return [this.take];
    if (isHeld(this.thread)) return [el("p", {}, `${nameOf(this.thread.owner)} is at it. You can leave a note.`)];
    const isResolved = this.thread.status === "resolved";
    return [el("p", {}, isResolved ? "This thread is resolved. Reopen it to answer." : "Nobody was asked for here. You can leave a note.")];
  }

  async insert(kinds) {
    if (this.text.readOnly || this.kind === "note") return;
    const chosen = await this.offer(kinds);
    if (!chosen) return;
    const before = this.text.value.trimEnd();
    this.text.value = before ? `${before}\n\n${chosen.text}` : chosen.text;
    this.answer = chosen.kind === "canned" ? { id: chosen.id, text: chosen.text } : this.answer;
    this.written();
    this.text.focus();
  }

  pressed(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.submit();
    }
  }

  async sendOnce(thread, kind, text) {
    const answer = this.answer?.id;
    const send = () => this.send(kind, thread, text, drafts.keyOf(thread.id, kind), answer);
    try {
      await send();
    } catch (problem) {
      if (problem.code !== "bad_key") throw problem;
      drafts.dropKey(thread.id, kind); // too old by now, and unused
      await send();
    }
  }

  async submit() {
    if (this.go.disabled || this.go.hidden) return;
    const { kind, thread } = this;
    const text = this.text.value.trim();
    this.busy = true;
    this.error.textContent = "";
    this.draw();
    this.text.focus(); // and not at the end, when the agent may be elsewhere
    let refusal = "";
    try {
      await this.sendOnce(thread, kind, text);
      drafts.forget(thread.id, kind);
    } catch (problem) {
      refusal = problem.message;
    }
    this.busy = false;
    if (this.thread.id !== thread.id || this.kind !== kind) return this.draw();
    this.load();
    this.draw();
    this.error.textContent = refusal;
  }
}
