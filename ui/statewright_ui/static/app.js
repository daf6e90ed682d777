// What the browser adds to pages that read without it: theme, palette, keys, copying, the live mark, ages that tick.

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);
// The page's one live region: seen for a moment as a toast, or, for what the page shows elsewhere, only heard.
function say(text, heardOnly = false) {
  const said = one("#said");
  said.classList.toggle("vh", heardOnly);
  said.textContent = text;
  clearTimeout(say.ends);
  say.ends = setTimeout(() => { said.textContent = ""; }, 3000);
}

// --- theme -------------------------------------------------------------------------------------------------------

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* private windows may refuse; the page still switches */ }
}

// --- palette: a combobox over what /search answers (ARIA Authoring Practices, combobox with listbox popup) -----------

const palette = one("dialog.palette");
const asked = one("input", palette);
const options = () => all("[role=option]", palette);
const chosen = () => one("[aria-selected=true]", palette);

function choose(option) {
  options().forEach((other) => other.setAttribute("aria-selected", other === option));
  if (option) { asked.setAttribute("aria-activedescendant", option.id); option.scrollIntoView({ block: "nearest" }); }
  else asked.removeAttribute("aria-activedescendant");
}

function openPalette() {
  if (palette.open) return;
  palette.showModal();
  asked.select();
  asked.dispatchEvent(new Event("opened", { bubbles: true }));
}

asked.addEventListener("keydown", (event) => {
  const found = options();
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && found.length) {
    event.preventDefault();
    choose(found[(found.indexOf(chosen()) + step + found.length) % found.length]);
  } else if (event.key === "Enter" && chosen()) {
    event.preventDefault();
    chosen().click();
  }
});
palette.addEventListener("htmx:after:swap", () => choose(options()[0]));
palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });

// --- one click listener: an element says what it does -------------------------------------------------------------

async function copy(from) {
  const text = from.dataset.copy || one(from.dataset.copyFrom).textContent;
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    say("This browser does not let pages copy; select the text instead.");
  }
}

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest?.(selector);
  if (at("[data-palette]")) { event.preventDefault(); openPalette(); }
  if (at("[data-theme-toggle]")) { switchTheme(); palette.close(); }
  if (at("[data-help]")) { palette.close(); one("dialog.help").showModal(); }
  const copied = at("[data-copy], [data-copy-from]");
  if (copied) { event.preventDefault(); copy(copied); }
});

document.addEventListener("change", (event) => event.target.closest("[data-submits]")?.form.submit());

// A diagram wider than its window begins where the entity is.
for (const canvas of all(".canvas")) {
  const current = (one(".sm-state.is-current", canvas) ?? one(".is-current", canvas))?.getBoundingClientRect();
  const room = canvas.getBoundingClientRect();
  if (current && current.right > room.right) canvas.scrollLeft += current.left - room.left - room.width / 2;
}

// --- keys ----------------------------------------------------------------------------------------------------------

const typing = (element) => element.closest("input, textarea, select, [contenteditable]");

function step(by) {
  const rows = all("[data-row]").filter((row) => row.checkVisibility());
  const here = rows.indexOf(document.activeElement.closest("[data-row]"));
  const row = rows[Math.min(Math.max(here + by, 0), rows.length - 1)];
  if (row) (row.matches("a") ? row : one("a[href]", row)).focus();
}

document.addEventListener("keydown", (event) => {
  if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") { event.preventDefault(); openPalette(); return; }
  if (event.metaKey || event.ctrlKey || event.altKey || typing(event.target)) return;
  if (one("dialog[open]")) return;
  if (event.key === "/") { event.preventDefault(); openPalette(); }
  if (event.key === "?") { event.preventDefault(); one("dialog.help").showModal(); }
  if (event.key === "j") step(1);
  if (event.key === "k") step(-1);
});

// --- live: the page's stream says how much is new; rows stay where they are ---------------------------------------------

const mark = (on, word) => all(".live").forEach((element) => {
  element.toggleAttribute("data-on", on);
  one("span", element).textContent = word;
});
document.addEventListener("htmx:sse:after:connection", () => mark(true, "Live"));
document.addEventListener("htmx:sse:error", () => mark(false, "Reconnecting"));
document.addEventListener("htmx:sse:close", () => mark(false, "Not live"));
document.addEventListener("moved", (event) => {
  const { news } = JSON.parse(event.detail.data);
  if (!news) return;
  all(".news").forEach((element) => {
    element.hidden = false;
    one("b", element).textContent = `+${news.toLocaleString("en")}`;
  });
  if (one(".news")) say(`${news} new`, true);
});

// --- ages: "2 h ago" grows older while the page is open ---------------------------------------------------------------------

const UNITS = [["y", 31557600], ["mo", 2629800], ["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

// The same words as statewright_ui.words.span, in whole seconds, since an age grows while one reads it.
function span(seconds) {
  const at = UNITS.findIndex(([, size]) => seconds >= size);
  if (at < 0) return "0 s";
  const [unit, size] = UNITS[at];
  const rest = UNITS[at + 1] && at !== 4 ? Math.floor((seconds % size) / UNITS[at + 1][1]) : 0;
  return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${UNITS[at + 1][0]}` : ""}`;
}

function age() {
  for (const time of all("time[data-age]")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    const text = {
      ago: () => (seconds < 1 ? "now" : `${span(seconds)} ago`),
      span: () => span(Math.max(seconds, 0)),
      until: () => (seconds <= -1 ? `in ${span(-seconds)}` : seconds >= 1 ? `for ${span(seconds)}` : "now"),
    }[time.dataset.age]();
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(age, 10_000);
