// What the browser adds to the modeler, which works by forms and links without it: parts instead of pages, dragging,
// keys, completion, the editor of the text. Every change is made on the server.

const root = document.querySelector("[data-modeler]");
const one = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const typing = (element) => element.closest("input, textarea, select, [contenteditable], .cm-editor");
const say = (text) => { const said = one("#said"); said.classList.add("vh"); said.textContent = text; };

// --- going about: the parts of another view, its address in the bar -----------------------------------------------------

let focusNext = null;
async function go(href, { push = true, focus = null } = {}) {
  focusNext = focus;
  root.classList.add("waiting");
  await htmx.ajax("GET", href, { target: "#panel", swap: "none", values: { shown: one("#shown")?.value ?? "" } });
  root.classList.remove("waiting");
  if (push) history.pushState({ modeler: true }, "", href);
}
function address(changes) {
  const url = new URL(location.href);
  url.hash = "";
  for (const [key, value] of Object.entries(changes)) {
    url.searchParams.delete(key);
    if (value) url.searchParams.set(key, value);
  }
  return url.pathname + url.search;
}
const select = (sel, options) => go(address({ sel, tab: "", to: "" }), options);
addEventListener("popstate", () => go(location.pathname + location.search, { push: false }));

root.addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  const twist = event.target.closest(".twist");
  const item = event.target.closest("[data-folding]");
  if (twist && item) { event.preventDefault(); go(item.dataset.folding, { focus: `#${CSS.escape(item.id)}` }); return; }
  const zoom = event.target.closest("[data-zoom]");
  if (zoom) { event.preventDefault(); size(Number(zoom.dataset.zoom)); return; }
  const drawn = event.target.closest("#canvas [data-state], #canvas [data-transition]");
  if (drawn) { event.preventDefault(); select(drawn.dataset.state ?? drawn.dataset.transition, { focus: `#${CSS.escape(drawn.id)}` }); return; }
  const link = event.target.closest("a[data-go]");
  if (!link) return;
  event.preventDefault();
  const focus = link.closest("[data-tree]") ? `#${CSS.escape(link.id)}` : link.closest("#problems") ? "#panel-title" : "#panel-title";
  const place = link.dataset.line ? [Number(link.dataset.line), Number(link.dataset.column)] : null;
  const href = link.dataset.go === "here" ? location.pathname + location.search : link.getAttribute("href");
  if (place && one("[data-json]") && editor) { editor.reveal(...place); return; }
  go(href, { focus });
});

// --- after each answer: numbers, selection and focus are put where they belong ------------------------------------------

const kept = { id: "", start: null };
document.addEventListener("htmx:before:request", () => {
  const at = document.activeElement;
  kept.id = at?.id ?? "";
});
let settling = 0;
const settleSoon = () => { cancelAnimationFrame(settling); settling = requestAnimationFrame(settle); };
document.addEventListener("htmx:after:swap", settleSoon);
document.addEventListener("htmx:after:request", settleSoon);

function settle() {
  const number = one(".told-box[data-number]")?.dataset.number ?? one("#draft-text")?.dataset.number ?? one("#selected")?.dataset.number;
  const newest = String(Math.max(Number(number ?? 0), ...all("#history input[name=number]").map((input) => Number(input.value))));
  all("input[name=number]", root).forEach((input) => { input.value = newest; });
  root.dataset.number = newest;
  mark();
  roving();
  mount();
  const field = one(".told-box[data-field]")?.dataset.field;
  const wanted = focusNext ?? (kept.id && !one(`#${CSS.escape(kept.id)}`) ? "#panel-title" : kept.id && `#${CSS.escape(kept.id)}`);
  focusNext = null;
  kept.id = ""; // an answer settles more than once; what has the focus by then keeps it
  if (wanted && !document.activeElement?.closest(".cm-editor")) (one(wanted) ?? one("#panel-title"))?.focus({ preventScroll: !wanted.startsWith("#o-") });
  if (field) one(`form [name="${field}"]:focus`)?.setAttribute("aria-invalid", "true");
  const told = one("#told")?.textContent.trim();
  if (told && told !== settle.said) say(told);
  settle.said = told;
}

function mark() {
  const sel = one("#selected")?.dataset.sel ?? "";
  all("#canvas .is-selected").forEach((element) => element.classList.remove("is-selected"));
  if (!sel) return;
  const drawn = all("#canvas [data-state], #canvas [data-transition]").find((each) => (each.dataset.state ?? each.dataset.transition) === sel);
  drawn?.classList.add("is-selected");
}

// An answer that is refused leaves the form as it is; one that is not empties the fields for what is new.
root.addEventListener("htmx:after:request", (event) => {
  const form = event.target.closest?.("form");
  if (form?.id === "add-way" && !one(".told-box.bad")) focusNext = "#way-trigger";
});
root.addEventListener("submit", (event) => {
  if (event.target.id === "add-state") focusNext = "#new-name";
  if (event.target.id === "add-way") focusNext = "#way-trigger";
});

// --- the outline: a tree by the ARIA Authoring Practices, one stop for Tab ------------------------------------------------

const items = () => all("[role=treeitem]");
function roving() {
  const found = items();
  const chosen = found.find((item) => item.getAttribute("aria-selected") === "true") ?? found[0];
  found.forEach((item) => { item.tabIndex = item === chosen ? 0 : -1; });
}
root.addEventListener("focusin", (event) => {
  const item = event.target.closest("[role=treeitem]");
  if (item) items().forEach((other) => { other.tabIndex = other === item ? 0 : -1; });
});

function treeKeys(event, item) {
  const found = items();
  const at = found.indexOf(item);
  const level = Number(item.ariaLevel);
  const open = item.getAttribute("aria-expanded");
  const to = {
    ArrowDown: () => found[at + 1], ArrowUp: () => found[at - 1], Home: () => found[0], End: () => found.at(-1),
    ArrowRight: () => (open === "true" ? found[at + 1] : null),
    ArrowLeft: () => (open === "true" ? null : found.slice(0, at).findLast((other) => Number(other.ariaLevel) < level)),
  }[event.key];
  if (!to) return false;
  const next = to();
  if (next) next.focus();
  else if ((event.key === "ArrowRight" && open === "false") || (event.key === "ArrowLeft" && open === "true")) go(item.dataset.folding, { focus: `#${CSS.escape(item.id)}` });
  return true;
}

// --- the diagram: arrows walk it, dragging from the plus sign connects, the empty ground pans ------------------------------

const canvas = one("#canvas");
const frame = one("[data-window]");
const svg = () => one("svg.sm", canvas);
const middle = (element) => { const box = element.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; };

function walk(from, [dx, dy]) {
  const [x, y] = middle(from);
  let best, least = Infinity;
  for (const state of all("[data-state]", canvas)) {
    if (state === from) continue;
    const [a, b] = middle(state);
    const ahead = (a - x) * dx + (b - y) * dy;
    const aside = Math.abs((a - x) * dy) + Math.abs((b - y) * dx);
    if (ahead > 2 && ahead + 2.2 * aside < least) { least = ahead + 2.2 * aside; best = state; }
  }
  best?.focus();
}

const NS = "http://www.w3.org/2000/svg";
function shape(name, attributes, parent) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}
canvas.addEventListener("pointerover", (event) => {
  const state = event.target.closest(".sm-state[data-state], .sm-group[data-state]");
  if (!state || drag || one(".sm-plus", state)) return;
  all(".sm-plus", canvas).forEach((plus) => plus.remove());
  if (state.matches(".sm-final, .sm-history, .sm-missing")) return;
  const card = one(".sm-card, rect", state);
  const [x, y, width] = ["x", "y", "width"].map((name) => card[name].baseVal.value);
  const plus = shape("g", { class: "sm-plus", transform: `translate(${x + width} ${y + 22})` }, state);
  shape("circle", { r: 9 }, plus);
  shape("path", { d: "M-3.6 0h7.2M0-3.6v7.2" }, plus);
});

let drag = null;
const point = (event) => { const at = svg().createSVGPoint(); at.x = event.clientX; at.y = event.clientY; return at.matrixTransform(svg().getScreenCTM().inverse()); };
const under = (event) => {
  const found = document.elementsFromPoint(event.clientX, event.clientY).map((each) => each.closest?.("#canvas [data-state]")).filter(Boolean);
  return found.find((each) => each.matches(".sm-state")) ?? found[0];
};
canvas.addEventListener("pointerdown", (event) => {
  const plus = event.target.closest(".sm-plus");
  if (!plus || event.button) return;
  event.preventDefault();
  event.stopPropagation();
  drag = { source: plus.closest("[data-state]"), from: point(event), line: shape("path", { class: "sm-rubber" }, svg()) };
});
addEventListener("pointermove", (event) => {
  if (!drag) return;
  const to = point(event);
  drag.line.setAttribute("d", `M${drag.from.x} ${drag.from.y}L${to.x} ${to.y}`);
  all(".drop-ok", canvas).forEach((each) => each.classList.remove("drop-ok"));
  under(event)?.classList.add("drop-ok");
});
addEventListener("pointerup", (event) => {
  if (!drag) return;
  const { source, line } = drag;
  drag = null;
  line.remove();
  all(".drop-ok", canvas).forEach((each) => each.classList.remove("drop-ok"));
  const target = under(event);
  if (target) connect(source.dataset.state, target.dataset.state);
  addEventListener("click", (click) => { click.preventDefault(); click.stopPropagation(); }, { capture: true, once: true });
  setTimeout(() => dispatchEvent(new Event("dragged")), 0);
});
canvas.addEventListener("dragstart", (event) => event.preventDefault());
const connect = (source, target = "") => go(address({ sel: source, to: target, tab: "" }), { focus: "#way-trigger" });

// A new drawing takes the place of the old one, and what is in both glides from where it was. (Not by htmx's morph: it
// makes elements anew without SVG's namespace.) An observer runs before the browser paints, so nothing jumps first.
let places = new Map();
function glide() {
  const before = places;
  places = new Map();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches || !before.size;
  const timing = { duration: 280, easing: "cubic-bezier(.2, .7, .2, 1)" };
  const numbers = new Map();
  for (const element of all(".sm-state, .sm-inner, .sm-pill, .sm-edge, .sm-group > rect", canvas)) {
    const name = `${(element.closest("[id]:not(#canvas)") ?? element).id} ${element.getAttribute("class")}`;
    const number = numbers.get(name) ?? 0;
    numbers.set(name, number + 1);
    const key = `${name} ${number}`;
    const path = element.getAttribute("d");
    const place = path ? `path("${path}")` : element.style.transform || ["x", "y", "width", "height"].map((each) => `${element.getAttribute(each)}px`).join(" ");
    places.set(key, place);
    const was = before.get(key);
    if (still || was === place) continue;
    if (!was) element.animate([{ opacity: 0 }, { opacity: 1 }], timing);
    else if (path) element.animate([{ d: was }, { d: place }], timing);
    else if (element.style.transform) element.animate([{ transform: was }, { transform: place }], timing);
    else {
      const [from, to] = [was, place].map((each) => { const [x, y, width, height] = each.split(" "); return { x, y, width, height }; });
      element.animate([from, to], timing);
    }
  }
}

let pan = null;
frame.addEventListener("pointerdown", (event) => {
  if (event.button || event.target.closest("[data-state], [data-transition], .sm-pill")) return;
  pan = { x: event.clientX + frame.scrollLeft, y: event.clientY + frame.scrollTop };
  frame.classList.add("panning");
});
addEventListener("pointermove", (event) => { if (pan) frame.scrollTo(pan.x - event.clientX, pan.y - event.clientY); });
addEventListener("pointerup", () => { pan = null; frame.classList.remove("panning"); });

const SIZES = [25, 33, 50, 67, 80, 100, 125, 150, 200];
function size(by) {
  const shown = svg();
  if (!shown) return;
  const now = Math.round((100 * shown.getBoundingClientRect().width) / parseFloat(shown.style.getPropertyValue("--w")));
  const next = by > 0 ? SIZES.find((each) => each > now) : SIZES.findLast((each) => each < now);
  const zoom = by === 0 ? 0 : (next ?? now);
  canvas.classList.toggle("sized", zoom > 0);
  canvas.style.setProperty("--zoom", zoom / 100);
  history.replaceState(history.state, "", address({ zoom: zoom ? String(zoom) : "" }));
  say(zoom ? `${zoom} percent` : "As large as fits");
}
frame.addEventListener("wheel", (event) => { if (event.ctrlKey) { event.preventDefault(); size(event.deltaY < 0 ? 1 : -1); } }, { passive: false });
// Forms post to the address they were made with; what was sized since goes along.
document.addEventListener("htmx:config:request", (event) => {
  const request = event.detail.ctx?.request;
  const zoom = new URL(location.href).searchParams.get("zoom");
  if (!request?.action?.startsWith(root.dataset.page) || request.action.includes("/edit/")) return;
  const url = new URL(request.action, location.href);
  if (zoom) url.searchParams.set("zoom", zoom); else url.searchParams.delete("zoom");
  request.action = url.pathname + url.search;
});

// --- keys ---------------------------------------------------------------------------------------------------------------

const subject = () => document.activeElement?.closest("[role=treeitem], #canvas [data-state], #canvas [data-transition]");
const pathOf = (element) => element?.dataset.path ?? element?.dataset.state;
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
const SHIFTS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "out", ArrowRight: "in" };

async function press(path, selector) {
  if (one("#selected")?.dataset.sel !== path || new URL(location.href).searchParams.get("tab")) await select(path);
  requestAnimationFrame(() => requestAnimationFrame(() => one(selector)?.click()));
}

root.addEventListener("keydown", (event) => {
  if (typing(event.target) || event.metaKey || event.ctrlKey) return;
  const element = subject();
  const path = pathOf(element);
  if (element && event.altKey && SHIFTS[event.key] && path) {
    event.preventDefault();
    press(path, `#panel [data-shift=${SHIFTS[event.key]}]`).then(() => { focusNext = "[role=treeitem][aria-selected=true]"; });
    return;
  }
  if (event.altKey) return;
  if (element?.matches("[role=treeitem]") && treeKeys(event, element)) { event.preventDefault(); return; }
  if (element?.dataset.state !== undefined && ARROWS[event.key]) { event.preventDefault(); walk(element, ARROWS[event.key]); return; }
  if (!element) return;
  const does = {
    Enter: () => (element.matches("[role=treeitem]") ? go(element.getAttribute("href"), { focus: "#panel-title" }) : select(path ?? element.dataset.transition, { focus: "#panel-title" })),
    " ": () => select(path ?? element.dataset.transition, { focus: `#${CSS.escape(element.id)}` }),
    n: () => { one("#new-parent").value = path ?? ""; one("#new-name").focus(); },
    c: () => path && connect(path),
    f: () => { const item = path && one(`#${CSS.escape(`o-${path}`)}`); if (item?.dataset.folding) go(item.dataset.folding, { focus: `#${CSS.escape(element.id)}` }); },
    F2: () => path && select(path, { focus: "#state-name" }),
    Delete: () => press(path ?? element.dataset.transition, "#panel [data-delete]"),
  }[event.key];
  if (does) { event.preventDefault(); does(); }
});

document.addEventListener("keydown", (event) => {
  const undo = (event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "z";
  if (undo && !typing(event.target)) { event.preventDefault(); one(event.shiftKey ? "[data-redo]" : "[data-undo]")?.click(); return; }
  if (typing(event.target) || event.metaKey || event.ctrlKey || event.altKey || one("dialog[open]")) return;
  const does = {
    o: () => (items().find((item) => item.tabIndex === 0) ?? one("#new-name")).focus(),
    d: () => (one("#canvas .is-selected, #canvas [data-state]") ?? frame).focus(),
    i: () => one("#panel-title, #panel").focus(),
    p: () => { const found = one("[data-problems]"); found.open = true; (one(".m-faults a", found) ?? one("summary", found)).focus(); },
    n: () => one("#new-name").focus(),
    "+": () => size(1), "=": () => size(1), "-": () => size(-1), 0: () => size(0),
  }[event.key];
  if (does && !event.defaultPrevented) { event.preventDefault(); does(); }
});

// --- completion of guards, and what the checker says of them -----------------------------------------------------------------

let asked = 0;
async function complete(input, wanted = false) {
  const mine = ++asked;
  const form = new FormData(input.form);
  form.set("guard", input.value);
  form.set("caret", String(input.selectionStart));
  const answer = await fetch(`${root.dataset.page}/complete`, { method: "POST", body: new URLSearchParams(form) });
  if (!answer.ok || mine !== asked) return;
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  const box = input.closest("[data-completes]");
  const drop = one(".drop", box);
  const list = one("[role=listbox]", parsed);
  drop.replaceChildren(list);
  // Nobody is offered names after what is complete: Enter keeps the guard then, and takes no name nobody asked for.
  const first = list.children[0], caret = input.selectionStart;
  const begun = first && (caret > Number(first.dataset.start) || input.value[caret - 1] === ".");
  show(input, Boolean(first) && (wanted || begun) && document.activeElement === input);
  one("[data-says]", box)?.replaceChildren(...one("[data-faults]", parsed).children);
}
function show(input, open) {
  const drop = one(".drop", input.closest("[data-completes]"));
  drop.hidden = !open;
  const chosen = open && one("[aria-selected=true]", drop);
  if (chosen) { input.setAttribute("aria-controls", "options"); input.setAttribute("aria-activedescendant", chosen.id); } else input.removeAttribute("aria-activedescendant");
}
function take(input, option) {
  const start = Number(option.dataset.start);
  input.setRangeText(option.dataset.text, start, input.selectionStart, "end");
  show(input, false);
  input.dispatchEvent(new Event("input", { bubbles: true }));
}
let soon = 0;
root.addEventListener("input", (event) => {
  const input = event.target.closest("[data-complete]");
  if (!input) return;
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-haspopup", "listbox");
  clearTimeout(soon);
  soon = setTimeout(() => complete(input), 140);
});
root.addEventListener("keydown", (event) => {
  const input = event.target.closest("[data-complete]");
  if (!input) return;
  const drop = one(".drop", input.closest("[data-completes]"));
  if (event.key === " " && event.ctrlKey) { event.preventDefault(); complete(input, true); return; }
  if (drop.hidden) { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); input.form.requestSubmit(); } return; }
  const options = all("[role=option]", drop);
  const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by) {
    event.preventDefault();
    const next = options[(at + by + options.length) % options.length];
    options.forEach((option) => option.setAttribute("aria-selected", option === next));
    next.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", next.id);
  } else if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) {
    event.preventDefault();
    take(input, options[Math.max(at, 0)]);
  } else if (event.key === "Escape") { event.stopPropagation(); show(input, false); }
});
root.addEventListener("pointerdown", (event) => {
  const option = event.target.closest("[data-completes] [role=option]");
  if (!option) return;
  event.preventDefault();
  take(one("[data-complete]", option.closest("[data-completes]")), option);
});
root.addEventListener("focusout", (event) => { const input = event.target.closest("[data-complete]"); if (input) show(input, false); });

// --- the text: an editor that is fetched when its tab opens --------------------------------------------------------------------

let editor = null;
async function mount() {
  const form = one("[data-json]");
  if (!form) { editor = null; return; }
  const text = one("#draft-text").value;
  if (editor && form.contains(editor.view.dom)) { if (!editor.busy()) editor.set(text); editor.check(); return; }
  if (form.dataset.mounting) return;
  form.dataset.mounting = "1";
  const { mountJsonEditor } = await import(form.dataset.editorModule);
  const area = one("#json-text", form);
  area.hidden = true;
  one("label[for=json-text]", form).hidden = true;
  one("button", form).hidden = true;
  editor = mountJsonEditor(form, {
    before: one(".row", form), doc: text, schema: JSON.parse(one("#language").value), nonce: root.dataset.nonce,
    keep: (now) => { area.value = now; form.requestSubmit(); },
  });
  const line = Number(new URLSearchParams(location.hash.slice(1)).get("line"));
  if (line) editor.reveal(line, 1);
}

// --- what others do to the draft ------------------------------------------------------------------------------------------------

setInterval(() => {
  if (document.hidden || one(".told-box.bad")) return;
  const number = root.dataset.number; // what is on its way from here is no news, and must not be cut off by it
  if (one(".htmx-request", document)) return;
  fetch(`${root.dataset.page}/news?number=${number}`, { headers: { "HX-Request-Type": "partial" } })
    .then((answer) => (answer.ok ? answer.text() : ""))
    .then((html) => { if (html.includes("told-box") && !one("#told .told-box") && root.dataset.number === number && !one(".htmx-request", document)) htmx.ajax("GET", `${root.dataset.page}/news?number=${root.dataset.number}`, { target: "#news", swap: "none" }); })
    .catch(() => {});
}, 4000);

glide();
new MutationObserver(glide).observe(canvas, { childList: true });
roving();
mark();
mount();
if (!items().length) one("#new-name")?.focus();
