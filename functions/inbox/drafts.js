// What is being written, a reply and a note a thread, kept in this tab until it is taken: over a new sign-in, a reload and
// every refusal. A text has one key from its first sending on, so that trying again cannot send it twice.

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const WHOSE = "drafts-of";

/** Drafts are their author's: those of somebody else go. */
export function belongTo(agent) {
  if (sessionStorage.getItem(WHOSE) === agent) return;
  for (const name of Object.keys(sessionStorage)) if (name.startsWith("draft ")) sessionStorage.removeItem(name);
  sessionStorage.setItem(WHOSE, agent);
}

/** {text, key, answer}; `key` is null until the text was sent for the first time. */
export function read(thread, kind) {
  const kept = sessionStorage.getItem(name(thread, kind));
  return kept ? JSON.parse(kept) : { text: "", key: null, answer: null };
}

/** Another text is another message: it loses the key. */
export function write(thread, kind, text, answer = null) {
  const before = read(thread, kind);
  if (before.text === text && before.answer?.id === answer?.id) return;
  if (text === "") forget(thread, kind);
  else sessionStorage.setItem(name(thread, kind), JSON.stringify({ text, key: null, answer }));
}

export function keyOf(thread, kind) {
  const draft = read(thread, kind);
  if (!draft.key) {
    draft.key = ulid(Date.now());
    sessionStorage.setItem(name(thread, kind), JSON.stringify(draft));
  }
  return draft.key;
}

/** The key was refused as such, so nothing was stored under it: the text may have another. */
export function dropKey(thread, kind) {
  sessionStorage.setItem(name(thread, kind), JSON.stringify({ ...read(thread, kind), key: null }));
}

export function forget(thread, kind) {
  sessionStorage.removeItem(name(thread, kind));
}

export function isAnyLeft() {
  return Object.keys(sessionStorage).some((each) => each.startsWith("draft "));
}

function name(thread, kind) {
  return `draft ${kind} ${thread}`;
}

function ulid(ms) {
  let time = "";
  for (let left = ms; time.length < 10; left = Math.floor(left / 32)) time = ALPHABET[left % 32] + time;
  return time + Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => ALPHABET[byte % 32]).join("");
}
