// Attachments come through the API with the token, only when asked for; a picture is shown from memory, never from elsewhere.
import { download, path } from "./api.js";
import { el, plain } from "./dom.js";
import { link, safe } from "./links.js";

// What a browser can only draw. Not SVG, which is a document.
const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
const KEPT_MS = 60_000;

export function attachment(thread, event, given, index) {
  const name = plain(given.name || given.type || "attachment");
  const error = el("span", { class: "error", role: "alert" });
  const place = el("div", { class: "picture" });
  const from = path`/api/threads/${thread}/attachments/${event}/${index}`;
  const run = (act) => async (clicked) => {
    const button = clicked.currentTarget;
    button.disabled = true;
    error.textContent = "";
    try {
      await act(await download(from));
    } catch (problem) {
      error.textContent = problem.message;
    }
    button.disabled = false;
  };
  const isHere = given.available !== false;
  const canShow = isHere && (given.type === "image" || PICTURES.has(given.mime_type)) && given.mime_type !== "image/svg+xml";
  const outside = safe(given.url);
  return el("div", { class: "attachment" },
    el("span", { class: "file" }, el("bdi", {}, name), given.mime_type && ` · ${plain(given.mime_type)}`,
      given.size > 0 && ` · ${size(given.size)}`),
    canShow && el("button", { type: "button", onclick: run((bytes) => show(place, bytes, name)) }, "Show picture"),
    isHere && el("button", { type: "button", onclick: run((bytes) => save(bytes, name)) }, "Download"),
    outside && el("span", {}, ...link(outside, "Open")),
    !outside && given.url && el("span", { class: "faint" }, plain(given.url)),
    error, place);
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function show(place, bytes, name) {
  if (!PICTURES.has(bytes.type)) throw new Error("This is no picture that can be shown here. Download it instead.");
  const url = URL.createObjectURL(bytes);
  const image = el("img", { alt: `Picture: ${name}`, decoding: "async" });
  image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
  image.addEventListener("error", () => {
    URL.revokeObjectURL(url);
    place.replaceChildren("The picture cannot be drawn. Download it instead.");
  }, { once: true });
  image.src = url;
  place.replaceChildren(image);
}

function save(bytes, name) {
  // As bytes without a meaning, so that no browser opens it by itself.
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  el("a", { href: url, download: name.replace(/[^\p{L}\p{N}._ -]/gu, "_").slice(0, 100) }).click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
