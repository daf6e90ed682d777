// The editor of a definition's text: CodeMirror with completion and hover from the language's JSON Schema, and the
// server's own checks as its problems. Bundled by rebuild.py; loaded only when somebody opens the JSON tab.

import { EditorView, basicSetup } from "codemirror";
import { indentWithTab } from "@codemirror/commands";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { json, jsonLanguage, jsonParseLinter } from "@codemirror/lang-json";
import { forceLinting, lintGutter, linter } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { hoverTooltip, keymap } from "@codemirror/view";
import { jsonCompletion, jsonSchemaHover, stateExtensions } from "codemirror-json-schema";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--t-active)" },
  { tag: tags.string, color: "var(--t-success)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--t-waiting)" },
  { tag: tags.punctuation, color: "var(--ink-3)" },
]);
const look = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--surface)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6" },
  ".cm-content": { caretColor: "var(--accent)" },
  ".cm-cursor": { borderLeftColor: "var(--accent)" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--ink-3)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in oklab, var(--accent) 6%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in oklab, var(--accent) 22%, transparent)" },
  ".cm-matchingBracket": { backgroundColor: "color-mix(in oklab, var(--accent) 18%, transparent)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line-2)", borderRadius: "8px" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--chosen)", color: "var(--ink)" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--ink)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--sunken)", borderColor: "var(--line-2)", color: "var(--ink-2)" },
});

async function fromServer(view) {
  const text = view.state.doc.toString();
  const faults = jsonParseLinter()(view);
  if (faults.length) return faults;
  const answer = await fetch("/api/v1/definitions/check", { method: "POST", headers: { "Content-Type": "application/json" }, body: text });
  const said = await answer.json();
  const doc = view.state.doc;
  return (said.problems ?? []).map((problem) => {
    const line = doc.line(Math.min(Math.max(problem.line ?? 1, 1), doc.lines));
    const from = Math.min(line.from + (problem.column ?? 1) - 1, line.to);
    return { from, to: Math.max(from, line.to), severity: problem.severity === "warning" ? "warning" : "error", message: problem.sentence + (problem.fix ? `; ${problem.fix}` : "") };
  });
}

// `keep` is called with the text a moment after its reader stopped typing.
export function mountJsonEditor(parent, { before, doc, schema, nonce, keep }) {
  let waiting = 0;
  const ours = (update) => update.transactions.some((each) => ["input", "delete", "undo", "redo", "move"].some((kind) => each.isUserEvent(kind)));
  const view = new EditorView({ state: EditorState.create({ doc, extensions: [
    nonce ? EditorView.cspNonce.of(nonce) : [],
    basicSetup, keymap.of([indentWithTab]), syntaxHighlighting(colours), look, json(), lintGutter(), linter(fromServer, { delay: 400 }),
    jsonLanguage.data.of({ autocomplete: jsonCompletion() }), hoverTooltip(jsonSchemaHover()), stateExtensions(schema),
    EditorView.contentAttributes.of({ "aria-label": "The definition as JSON" }),
    EditorView.updateListener.of((update) => {
      if (!update.docChanged || !ours(update)) return;
      clearTimeout(waiting);
      waiting = setTimeout(() => { waiting = 0; keep(view.state.doc.toString()); }, 700);
    }),
  ] }) });
  parent.insertBefore(view.dom, before);
  view.scrollDOM.tabIndex = 0; // whoever only reads scrolls by keys, too
  return {
    view,
    busy: () => waiting !== 0,
    check: () => forceLinting(view),
    // Only what differs is put in, so that caret and scroll stay when the text was changed elsewhere.
    set(text) {
      const old = view.state.doc.toString();
      if (old === text) return;
      let start = 0;
      while (start < old.length && start < text.length && old[start] === text[start]) start++;
      let end = 0;
      while (end < old.length - start && end < text.length - start && old.at(-1 - end) === text.at(-1 - end)) end++;
      view.dispatch({ changes: { from: start, to: old.length - end, insert: text.slice(start, text.length - end) } });
    },
    reveal(row, column) {
      const line = view.state.doc.line(Math.min(Math.max(row, 1), view.state.doc.lines));
      const at = Math.min(line.from + column - 1, line.to);
      view.dispatch({ selection: { anchor: at, head: line.to }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
      view.focus();
    },
  };
}
