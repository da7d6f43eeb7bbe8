// Calls of the agents' API. Whatever goes wrong is a Problem whose message can be shown as it is.
import { SignedOut, accessToken } from "./signin.js";

const PATIENCE_MS = 20_000;

export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }

  /** Whether it may have happened all the same: no answer came, or one that says nothing about it. */
  get isUnclear() {
    return this.status === 0 || this.status >= 500;
  }
}

let onSignedOut = () => {};

export function whenSignedOut(listener) {
  onSignedOut = listener;
}

/** The answer's JSON; null where nothing came (204). Raises Problem. */
export async function call(method, path, body) {
  const answer = await request(method, path, body);
  return answer.status === 204 ? null : answer.json();
}

/** The answer's bytes. Raises Problem. */
export async function download(path) {
  return (await request("GET", path)).blob();
}

/** Thread ids, event ids and inboxes as parts of a path. */
export function path(strings, ...values) {
  return String.raw({ raw: strings }, ...values.map(encodeURIComponent));
}

async function request(method, path, body) {
  let answer = await send(method, path, body);
  if (answer.status === 401) answer = await send(method, path, body, { fresh: true });
  if (answer.status === 401) throw signedOut();
  if (!answer.ok) throw await problem(answer);
  return answer;
}

async function send(method, path, body, how) {
  try {
    const headers = { authorization: `Bearer ${await accessToken(how)}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    return await fetch(path, {
      method, headers, credentials: "omit", cache: "no-store", redirect: "error",
      body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    if (error instanceof SignedOut) throw signedOut();
    throw new Problem(0, "unreachable", "The service could not be reached. Check your connection and try again.");
  }
}

function signedOut() {
  onSignedOut();
  return new Problem(401, "signed_out", "Your sign-in has run out. What you wrote is kept: sign in again.");
}

async function problem(answer) {
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // Not from us: a proxy's page, say.
  }
  const detail = told.detail ?? `The service answered ${answer.status} ${told.message ?? answer.statusText}.`;
  return new Problem(answer.status, told.code ?? "", String(detail));
}
