// Text of customers with its web addresses as links: https only, as the URL parser reads them, with the host they lead to.
import { el } from "./dom.js";

const CANDIDATE = /https:\/\/[^\s<>"'`\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+/gi;
const CLOSING = /[.,;:!?)\]}»”’]+$/;

/** The text as nodes to append. */
export function linked(text) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(CANDIDATE)) {
    const address = found[0].replace(CLOSING, "");
    const url = safe(address);
    if (!url) continue;
    nodes.push(text.slice(from, found.index), ...link(url, address));
    from = found.index + address.length;
  }
  nodes.push(text.slice(from));
  return nodes.filter((node) => node !== "");
}

/** The parsed address of an https link that names nobody; null of anything else. */
export function safe(address) {
  if (typeof address !== "string" || !URL.canParse(address)) return null;
  const url = new URL(address);
  return url.protocol === "https:" && !url.username && !url.password ? url : null;
}

export function link(url, text) {
  return [
    el("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow" }, text),
    el("span", { class: "host" }, ` (${url.host})`),
  ];
}
