// The moment looked at, without loading the page anew: links to this page, the slider, and j and k all lead to an address.

let wanted = null;
let busy = false;

// One request at a time, and after it the latest that was asked for: a slider asks more often than anyone can answer.
async function go(href, push) {
  wanted = { href, push };
  if (busy) return;
  busy = true;
  while (wanted) {
    const { href, push } = wanted;
    wanted = null;
    const bars = [...document.querySelectorAll("#life .canvas")].map((canvas) => [canvas.scrollLeft, canvas.scrollTop]);
    await htmx.ajax("GET", href, { source: "#life", target: "#life", swap: "outerMorph", headers: { "HX-Target": "div#life" } });
    document.querySelectorAll("#life .canvas").forEach((canvas, at) => bars[at] && canvas.scrollTo(...bars[at]));
    const url = new URL(href, location.href);
    if (push && url.href !== location.href) history.pushState({ htmx: true }, "", href);
    else history.replaceState(history.state, "", href);
  }
  busy = false;
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest("#life a[href]");
  if (!link || link.hasAttribute("hx-get")) return;
  const url = new URL(link.getAttribute("href"), location.href);
  if (url.origin !== location.origin || url.pathname !== location.pathname || url.hash) return;
  event.preventDefault();
  go(url.pathname + url.search, true);
});

document.addEventListener("input", (event) => {
  if (event.target.type !== "range" || !event.target.closest("[data-slide]")) return;
  const form = event.target.form;
  event.target.setAttribute("aria-valuetext", `version ${event.target.value} of ${event.target.max}`);
  go(`${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`, false);
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("#life form[method=get]");
  if (!form) return;
  event.preventDefault();
  const asked = [...new FormData(form)].filter(([, value]) => value);
  go(`${form.getAttribute("action")}?${new URLSearchParams(asked)}`, true);
});

// j and k begin at the version looked at; app.js moves the focus, and what has the focus is looked at.
const steps = (event) => ["j", "k"].includes(event.key) && !event.metaKey && !event.ctrlKey && !event.altKey
  && !event.target.closest("input, textarea, select, [contenteditable]") && !document.querySelector("dialog[open]");
document.addEventListener("keydown", (event) => {
  if (steps(event) && !document.activeElement.closest("[data-row]")) document.querySelector("#history .step.chosen .version")?.focus();
}, true);
document.addEventListener("keydown", (event) => {
  if (steps(event)) setTimeout(() => { // once app.js has moved the focus
    const link = document.activeElement.closest("#history [data-row]")?.querySelector("a.version");
    if (link) go(link.getAttribute("href"), false);
  });
});

document.addEventListener("htmx:after:swap", () => {
  const said = document.querySelector("#life [data-say]:not([data-said])");
  if (!said) return;
  said.dataset.said = "";
  document.querySelector("#said").textContent = said.dataset.say;
  setTimeout(() => { document.querySelector("#said").textContent = ""; }, 3000);
});
