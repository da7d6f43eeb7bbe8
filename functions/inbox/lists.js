// The lists of an inbox: what is open, mine, snoozed, resolved on a day, held for approval, or found.
import { call, path } from "./api.js";
import { nameOf } from "./colleagues.js";
import { byId, el, fill, plain } from "./dom.js";
import { marks } from "./threadhead.js";
import { todayUtc } from "./times.js";
import { VIEWS, channel } from "./words.js";

const NEWS_MS = 20_000;

export class Lists {
  /** `chosen` is told of another view; `address` gives the place of a thread. */
  constructor({ chosen, address }) {
    Object.assign(this, { chosen, address, threads: [], cursor: null, drawn: "" });
    fill(byId("views"), ...Object.entries(VIEWS).map(([name, words], index) =>
      el("button", { type: "button", "data-view": name, "aria-keyshortcuts": index + 1, onclick: () => chosen(name) }, words)));
    byId("day").value = todayUtc();
    byId("day").addEventListener("change", () => this.load());
    byId("more").addEventListener("click", () => this.load({ more: true }));
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      if (byId("search-for").value.trim()) chosen("found");
    });
    byId("search-by").addEventListener("change", () => this.range());
    setInterval(() => !document.hidden && this.view !== "found" && this.load({ quiet: true }), NEWS_MS);
    document.addEventListener("visibilitychange", () => !document.hidden && this.view !== "found" && this.load({ quiet: true }));
  }

  show(inbox, view, thread) {
    const isOther = inbox !== this.inbox || view !== this.view || view === "found";
    Object.assign(this, { inbox, view, thread });
    for (const button of byId("views").children) button.setAttribute("aria-pressed", String(button.dataset.view === view));
    byId("day-label").hidden = view !== "resolved";
    if (!isOther) return this.draw();
    Object.assign(this, { threads: [], cursor: null });
    return this.load();
  }

  range() {
    const isWords = byId("search-by").value === "words";
    byId("search-range").hidden = !isWords;
    if (isWords && !byId("search-from").value) {
      byId("search-until").value = todayUtc();
      byId("search-from").value = new Date(Date.now() - 7 * 86_400_000).toISOString().slice(0, 10);
    }
  }

  async load({ more = false, quiet = false } = {}) {
    if (!this.inbox) return;
    const { inbox, view } = this;
    try {
      const found = await call("GET", this.asked(more ? this.cursor : null));
      if (inbox !== this.inbox || view !== this.view) return;
      // A quiet look renews the first page only; further ones were asked for.
      const kept = more ? this.threads : quiet ? this.threads.slice(found.threads.length) : [];
      const fresh = new Set(found.threads.map((each) => each.id));
      const rest = kept.filter((each) => !fresh.has(each.id));
      this.threads = more ? [...rest, ...found.threads] : quiet && this.isPaged ? [...found.threads, ...rest] : found.threads;
      this.isPaged = more || (quiet && this.isPaged);
      if (!quiet || !this.isPaged) this.cursor = found.cursor ?? null;
      this.say(found.searched?.note);
      this.draw();
    } catch (problem) {
      this.say(problem.message);
      if (!quiet) this.draw();
    }
  }

  asked(cursor) {
    const query = new URLSearchParams();
    if (cursor) query.set("cursor", cursor);
    if (this.view !== "found") {
      query.set("view", this.view);
      if (this.view === "resolved") query.set("day", byId("day").value || todayUtc());
      return `${path`/api/inboxes/${this.inbox}/threads`}?${query}`;
    }
    query.set(byId("search-by").value, byId("search-for").value.trim());
    if (byId("search-by").value === "words") {
      query.set("from", byId("search-from").value);
      query.set("until", byId("search-until").value);
    }
    return `${path`/api/inboxes/${this.inbox}/search`}?${query}`;
  }

  say(text) {
    byId("list-note").hidden = !text;
    byId("list-note").textContent = text ?? "";
  }

  draw() {
    byId("more").hidden = !this.cursor;
    const drawn = JSON.stringify([this.inbox, this.view, this.thread, this.threads]);
    if (drawn === this.drawn && byId("threads").childElementCount) return;
    this.drawn = drawn;
    const focused = document.activeElement?.closest?.("#threads a")?.dataset.thread;
    const none = { open: "Nothing waits. Well done.", found: "Nothing found." }[this.view] ?? "Nothing here.";
    fill(byId("threads"), ...(this.threads.length ? this.threads.map((each) => this.row(each)) : [el("li", { class: "empty" }, none)]));
    if (focused) this.links().find((each) => each.dataset.thread === focused)?.focus();
  }

  row(thread) {
    const owner = thread.owner && (thread.lease_until ?? Infinity) > Date.now() ? nameOf(thread.owner) : null;
    return el("li", {}, el("a", {
      href: this.address(thread.id), "data-thread": thread.id, "aria-current": thread.id === this.thread ? "true" : null,
      class: `row sla-${thread.sla ?? "in_time"}`,
    },
    el("span", { class: "row-name" }, el("bdi", {}, plain(thread.contact?.name || "Customer"))),
    el("span", { class: "row-marks" }, marks(thread)),
    el("span", { class: "row-facts" }, [channel(thread.channel ?? thread.id.split(".")[0]), thread.number, thread.contact?.language].filter(Boolean).join(" · ")),
    owner && el("span", { class: "row-owner" }, owner === "You" ? "with you" : `with ${owner}`),
    (thread.tags ?? []).length > 0 && el("span", { class: "row-tags" }, thread.tags.slice(0, 6).map((tag) => el("bdi", { class: "tag" }, plain(tag))))));
  }

  links() {
    return [...byId("threads").querySelectorAll("a")];
  }

  /** Focus the next (1) or previous (-1) row. */
  move(step) {
    const links = this.links();
    const at = links.findIndex((each) => each === document.activeElement || (document.activeElement.closest("#threads") === null && each.dataset.thread === this.thread));
    links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
  }
}
