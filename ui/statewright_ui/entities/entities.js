// What the browser adds to the list: completing the query at the caret, choosing rows, and closing what popped up.

const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// --- completing: a combobox over what the server offers (ARIA Authoring Practices, combobox with listbox popup) ------------

const asked = one("[data-completes]");
const list = one("#completions");
let asking = null;
let waits = 0;

asked.setAttribute("role", "combobox");
asked.setAttribute("aria-autocomplete", "list");
asked.setAttribute("aria-controls", list.id);
asked.setAttribute("aria-expanded", "false");

const options = () => all("[role=option]", list);
const chosen = () => one("[aria-selected=true]", list);

function close() {
  asking?.abort();
  clearTimeout(waits);
  list.hidden = true;
  list.replaceChildren();
  list.removeAttribute("role");
  asked.setAttribute("aria-expanded", "false");
  asked.removeAttribute("aria-activedescendant");
}

async function open() {
  asking?.abort();
  asking = new AbortController();
  const query = new URLSearchParams({ q: asked.value, at: asked.selectionStart });
  try {
    const answer = await fetch(`${asked.dataset.completes}?${query}`, { signal: asking.signal });
    if (!answer.ok || document.activeElement !== asked) return;
    list.innerHTML = await answer.text(); // our own page's HTML, escaped by the server
  } catch {
    return; // typed on, or offline: the query can be written without help
  }
  list.hidden = !options().length;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Completions");
  asked.setAttribute("aria-expanded", String(!list.hidden));
  asked.removeAttribute("aria-activedescendant");
}

function choose(option) {
  options().forEach((other) => other.setAttribute("aria-selected", other === option));
  if (!option) return;
  asked.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function take(option) {
  const { text, at, end } = option.dataset;
  const whole = "complete" in option.dataset;
  const rest = asked.value.slice(Number(end));
  const put = text + (whole && !rest.startsWith(" ") ? " " : "");
  asked.value = asked.value.slice(0, Number(at)) + put + rest;
  asked.setSelectionRange(Number(at) + put.length, Number(at) + put.length);
  close();
  asked.dispatchEvent(new Event("input", { bubbles: true }));
}

asked.addEventListener("input", () => { clearTimeout(waits); waits = setTimeout(open, 120); });
asked.addEventListener("focus", () => { if (!asked.value) open(); });
asked.addEventListener("blur", () => setTimeout(close, 150)); // after a click on one of them
asked.addEventListener("keydown", (event) => {
  const found = options();
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && list.hidden) { event.preventDefault(); open(); return; }
  if (list.hidden) return;
  if (step && found.length) {
    event.preventDefault();
    const at = found.indexOf(chosen());
    choose(found[at < 0 ? (step > 0 ? 0 : found.length - 1) : (at + step + found.length) % found.length]);
  } else if (event.key === "Escape") {
    event.preventDefault();
    close();
  } else if (event.key === "Tab" && !event.shiftKey && found.length) {
    event.preventDefault();
    take(chosen() ?? found[0]);
  } else if (event.key === "Enter") {
    if (chosen()) { event.preventDefault(); take(chosen()); } else close();
  }
});
list.addEventListener("pointerdown", (event) => {
  const option = event.target.closest("[role=option]");
  if (option) { event.preventDefault(); take(option); }
});

// --- choosing rows -------------------------------------------------------------------------------------------------

const boxes = () => all("[data-chooses] [name=entity]");

function count() {
  const found = boxes();
  const number = found.filter((box) => box.checked).length;
  all("[data-count]").forEach((element) => { element.textContent = number ? ` (${number})` : ""; });
  const every = one("[data-all]");
  if (every) { every.checked = number > 0 && number === found.length; every.indeterminate = number > 0 && number < found.length; }
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]")) boxes().forEach((box) => { box.checked = event.target.checked; });
  if (event.target.matches("[data-all], [name=entity]")) count();
});
document.addEventListener("htmx:after:swap", count);
addEventListener("pageshow", count); // the browser may have kept what was chosen

// --- keys, and what popped up -----------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const opened = one(".pop[open]");
    if (opened) { opened.open = false; one("summary", opened).focus(); }
  }
  if (event.metaKey || event.ctrlKey || event.altKey || one("dialog[open]") || event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  if (event.key === "f") { event.preventDefault(); asked.focus(); asked.select(); }
  if (event.key === "x") {
    const box = one("[name=entity]", document.activeElement.closest("[data-row]") ?? document.createElement("i"));
    if (box) { box.checked = !box.checked; count(); }
  }
});
document.addEventListener("click", (event) => {
  all(".pop[open]").forEach((pop) => { if (!pop.contains(event.target)) pop.open = false; });
});
