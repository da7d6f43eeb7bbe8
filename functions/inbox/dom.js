// Builds elements. Strings become text nodes; nothing here or elsewhere takes markup.

/** `onclick` and the like are listeners; null, undefined and false leave an attribute or child out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...present(children));
  return node;
}

/** Replace what an element holds. */
export function fill(node, ...children) {
  node.replaceChildren(...present(children));
}

/** A shortcut's sign on its button, for eyes; `aria-keyshortcuts` tells the rest. */
export function sign(key) {
  return el("kbd", { "aria-hidden": "true" }, key);
}

export function byId(id) {
  return document.getElementById(id);
}

/** A name that others chose: its control and direction characters are shown, not obeyed. */
export function plain(name) {
  return String(name).replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (found) =>
    `[U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
}

function present(children) {
  return children.flat().filter((child) => child !== null && child !== undefined && child !== false);
}
