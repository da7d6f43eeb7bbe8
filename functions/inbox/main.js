// Starts the page: signs in, knows where we are (#/inbox/view/thread), and ties lists, thread and keys together.
import { call, path, whenSignedOut } from "./api.js";
import * as colleagues from "./colleagues.js";
import { ask, isOpen } from "./dialogs.js";
import { byId, el, fill } from "./dom.js";
import * as drafts from "./drafts.js";
import { bind, help } from "./keys.js";
import { Lists } from "./lists.js";
import { say, warn } from "./notices.js";
import * as signin from "./signin.js";
import { ThreadView } from "./thread.js";
import { VERBS } from "./verbs.js";
import { VIEWS } from "./words.js";

let me = null;
let place = { inbox: "", view: "open", thread: "" };
let lists = null;
let view = null;
let leaving = false;

byId("sign-in").addEventListener("click", leave);
byId("again").addEventListener("click", leave);
byId("help").addEventListener("click", help);
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
addEventListener("beforeunload", (event) => {
  if (!leaving && drafts.isAnyLeft()) event.preventDefault();
});

try {
  if (await signin.start()) await begin();
  else welcome();
} catch (error) {
  welcome(error.message);
}

function welcome(text) {
  byId("work").hidden = true;
  byId("welcome").hidden = false;
  if (text) byId("welcome-text").textContent = text;
  byId("sign-in").focus();
}

function leave() {
  leaving = true;
  signin.leave();
}

async function begin() {
  me = await call("GET", "/api/me");
  const inboxes = Object.keys(me.inboxes);
  if (inboxes.length === 0) throw new Error("You are in no inbox yet. Ask a lead to add you.");
  colleagues.iAm(me.agent);
  drafts.belongTo(me.agent);
  byId("who").textContent = me.email;
  byId("sign-out").hidden = false;
  byId("sign-out").addEventListener("click", signOut);
  fill(byId("inbox"), ...inboxes.map((each) => el("option", { value: each }, each)));
  byId("inbox").parentElement.hidden = inboxes.length < 2;
  byId("inbox").addEventListener("change", () => go({ inbox: byId("inbox").value, view: "open", thread: "" }));
  byId("work").hidden = false;
  lists = new Lists({ chosen: (name) => go({ view: name, thread: "" }, { again: true }), address: (thread) => address({ ...place, thread }) });
  view = new ThreadView(byId("main"), { me, back: () => go({ thread: "" }), left, changed: () => lists.load({ quiet: true }) });
  byId("pull").addEventListener("click", pull);
  addEventListener("hashchange", arrive);
  whenSignedOut(signInAgain);
  bindKeys();
  arrive();
}

// Where we are

function address({ inbox, view: list, thread }) {
  return `#/${[inbox, list, thread].filter(Boolean).map(encodeURIComponent).join("/")}`;
}

function go(where, { again = false } = {}) {
  const wanted = address({ ...place, ...where });
  if (wanted === location.hash && again) arrive();
  else location.hash = wanted;
}

function arrive() {
  const [inbox, list, thread = ""] = parts(location.hash);
  const before = place;
  place = { inbox: inbox in me.inboxes ? inbox : Object.keys(me.inboxes)[0], view: list in VIEWS || list === "found" ? list : "open", thread };
  byId("inbox").value = place.inbox;
  if (place.inbox !== before.inbox) colleagues.of(place.inbox).then(() => lists.load({ quiet: true }), () => {});
  document.body.dataset.pane = thread ? "thread" : "list";
  lists.show(place.inbox, place.view, thread);
  if (thread && thread !== before.thread) view.open(thread);
  if (!thread) {
    view.close();
    document.title = "Afterhours inbox";
    if (before.thread) (lists.links().find((each) => each.dataset.thread === before.thread) ?? byId("pull")).focus();
  }
}

function parts(hash) {
  try {
    return hash.replace(/^#\//, "").split("/").map(decodeURIComponent);
  } catch {
    return []; // not an address of ours
  }
}

// What is done

async function pull() {
  byId("pull").disabled = true;
  try {
    const pulled = await call("POST", path`/api/inboxes/${place.inbox}/pull`, {});
    if (pulled) go({ view: place.view === "found" ? "open" : place.view, thread: pulled.thread.id });
    else say("Nothing waits for you right now.");
    if (pulled?.thread.id === place.thread) view.refresh();
    lists.load({ quiet: true });
  } catch (problem) {
    warn(problem.message);
  }
  byId("pull").disabled = false;
}

function left(thread) {
  if (place.thread === thread) go({ thread: "" });
  byId("pull").focus();
}

async function signOut() {
  if (drafts.isAnyLeft() && !(await ask("Sign out?", [], "Sign out", { text: "Something you wrote has not been sent. It is lost when you sign out." }))) return;
  leaving = true;
  signin.signOut();
}

async function signInAgain() {
  if (!byId("again").hidden) return; // said once; the button stays
  byId("again").hidden = false;
  if (!isOpen() && (await ask("Sign in again", [], "Sign in", { text: "Your sign-in has run out. What you wrote is kept in this tab." }))) leave();
}

function bindKeys() {
  bind("p", "pull the next thread", pull);
  bind("j", "next thread in the list", () => lists.move(1));
  bind("k", "previous thread in the list", () => lists.move(-1));
  for (const [index, name] of Object.keys(VIEWS).entries()) bind(String(index + 1), `list: ${VIEWS[name].toLowerCase()}`, () => go({ view: name, thread: "" }, { again: true }));
  bind("/", "search", () => byId("search-for").focus());
  bind("r", "write a reply", () => view.thread && view.composer.write("reply"));
  bind("n", "write an internal note", () => view.thread && view.composer.write("note"));
  bind("a", "insert an answer", () => view.thread && view.composer.insert(["canned", "way"]));
  bind("w", "offer another way", () => view.thread && view.composer.insert(["way"]));
  for (const [name, { key, label }] of Object.entries(VERBS)) bind(key, label.toLowerCase(), () => view.act(name));
  bind("Escape", "back to the list", () => go({ thread: "" }));
  bind("?", "this help", help);
}
