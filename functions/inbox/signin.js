// Signing in: authorization code with PKCE. Tokens live in this module's memory and nowhere else; what must outlast the
// way to the sign-in page and back (verifier, state, place) is in sessionStorage until we are back.

const EARLY_MS = 60_000;
const PENDING = "sign-in";

let config = null;
let tokens = null; // {access, refresh, until}
let renewing = null;

/** Nobody is signed in any more, or not yet. */
export class SignedOut extends Error {}

/** Read the settings and, coming back from the sign-in page, fetch the tokens. True when signed in. */
export async function start() {
  const answer = await fetch("/inbox/config.json", { credentials: "omit" });
  if (!answer.ok) throw new Error("The page could not be set up. Load it again.");
  config = await answer.json();
  const came = new URLSearchParams(location.search);
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
  sessionStorage.removeItem(PENDING);
  if (!came.has("code") && !came.has("error")) return false;
  history.replaceState(null, "", location.pathname + (pending?.place ?? ""));
  if (!pending || came.get("state") !== pending.state) throw new Error("This sign-in did not start here. Sign in again.");
  if (!came.has("code")) throw new Error("You were not signed in. Try again.");
  await fetchTokens({ grant_type: "authorization_code", code: came.get("code"), redirect_uri: redirect(), code_verifier: pending.verifier });
  return true;
}

/** Leave for the sign-in page. */
export async function leave() {
  const verifier = random(48);
  const state = random(24);
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  sessionStorage.setItem(PENDING, JSON.stringify({ verifier, state, place: location.hash }));
  const asked = {
    response_type: "code", client_id: config.client_id, redirect_uri: redirect(), scope: config.scope, state,
    code_challenge: base64url(new Uint8Array(hash)), code_challenge_method: "S256",
  };
  location.assign(`${config.sign_in_url}/oauth2/authorize?${new URLSearchParams(asked)}`);
}

/** Forget the tokens here and end the session there. */
export function signOut() {
  tokens = null;
  sessionStorage.clear();
  location.assign(`${config.sign_in_url}/logout?${new URLSearchParams({ client_id: config.client_id, logout_uri: redirect() })}`);
}

/** A token that is good for a while. Raises SignedOut, and TypeError where the sign-in domain is out of reach. */
export async function accessToken({ fresh = false } = {}) {
  if (!tokens) throw new SignedOut();
  if (fresh || Date.now() > tokens.until - EARLY_MS) {
    renewing ??= renew().finally(() => { renewing = null; });
    await renewing;
  }
  return tokens.access;
}

async function renew() {
  try {
    await fetchTokens({ grant_type: "refresh_token", refresh_token: tokens.refresh });
  } catch (error) {
    if (error instanceof TypeError) throw error;
    tokens = null;
    throw new SignedOut();
  }
}

async function fetchTokens(grant) {
  const answer = await fetch(`${config.sign_in_url}/oauth2/token`, {
    method: "POST", credentials: "omit", body: new URLSearchParams({ client_id: config.client_id, ...grant }),
  });
  if (!answer.ok) throw new Error("The sign-in was not accepted. Sign in again.");
  const given = await answer.json();
  tokens = { access: given.access_token, refresh: given.refresh_token ?? tokens?.refresh, until: Date.now() + given.expires_in * 1000 };
}

function redirect() {
  return `${location.origin}/inbox`;
}

function random(bytes) {
  return base64url(crypto.getRandomValues(new Uint8Array(bytes)));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
