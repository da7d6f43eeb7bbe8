// Questions in a modal dialog; the focus goes in and comes back by itself. The answer is null where it was cancelled.
import { el, fill } from "./dom.js";

/** `fields` are [name, label, element]; gives the values by name. */
export function ask(title, fields, confirm, { text = "" } = {}) {
  const error = el("p", { class: "error", role: "alert" });
  const form = el("form", { autocomplete: "off" },
    el("h2", {}, title),
    text && el("p", {}, text),
    fields.map(([name, label, input]) => {
      input.setAttribute("name", name);
      return el("label", { class: "field" }, el("span", {}, label), input);
    }),
    error,
    el("div", { class: "buttons" },
      el("button", { type: "button", class: "quiet", "data-cancel": true }, "Cancel"),
      el("button", { type: "submit", class: "primary" }, confirm)));
  return opened(form, (answer) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer(Object.fromEntries(fields.map(([name, , input]) => [name, input.value.trim()])));
    });
  });
}

/** One of `options` ({label, text, badge, disabled}), found by typing; arrows move, Enter takes. */
export function choose(title, options) {
  const filter = el("input", { type: "search", "aria-label": "Filter", placeholder: "Type to filter", maxlength: 100 });
  const list = el("div", { class: "choices", role: "group", "aria-label": title });
  const form = el("form", { autocomplete: "off" },
    el("h2", {}, title), filter, list,
    el("div", { class: "buttons" }, el("button", { type: "button", class: "quiet", "data-cancel": true }, "Cancel")));
  return opened(form, (answer) => {
    const show = () => {
      const wanted = filter.value.trim().toLowerCase();
      const found = options.filter((each) => `${each.label} ${each.text}`.toLowerCase().includes(wanted));
      fill(list, found.length ? found.map((each) => el("button",
        { type: "button", class: "choice", disabled: each.disabled, onclick: () => answer(each) },
        el("span", { class: "choice-label" }, each.label), each.badge && el("span", { class: "badge" }, each.badge),
        el("span", { class: "choice-text" }, each.text))) : el("p", { class: "empty" }, "Nothing fits."));
    };
    filter.addEventListener("input", show);
    form.addEventListener("keydown", (event) => moveAmong(event, list, filter));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      list.querySelector("button:enabled")?.click();
    });
    show();
  });
}

/** Something to read; gives null when closed. */
export function tell(title, ...content) {
  const form = el("form", {}, el("h2", {}, title), ...content,
    el("div", { class: "buttons" }, el("button", { type: "button", class: "primary", "data-cancel": true }, "Close")));
  return opened(form, () => form.addEventListener("submit", (event) => event.preventDefault()));
}

export function isOpen() {
  return document.querySelector("dialog[open]") !== null;
}

function moveAmong(event, list, filter) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const all = [filter, ...list.querySelectorAll("button:enabled")];
  const next = all.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
  all[(next + all.length) % all.length].focus();
  event.preventDefault();
}

function opened(form, prepare) {
  const title = form.querySelector("h2");
  title.id = `dialog-${crypto.randomUUID()}`;
  const dialog = el("dialog", { "aria-labelledby": title.id }, form);
  return new Promise((resolve) => {
    let given = null;
    const answer = (value) => {
      given = value;
      dialog.close();
    };
    form.querySelector("[data-cancel]").addEventListener("click", () => answer(null));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(given);
    });
    prepare(answer);
    document.body.append(dialog);
    dialog.showModal();
    (form.querySelector("input, textarea, select, .primary") ?? form).focus();
  });
}
