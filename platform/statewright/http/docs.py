"""Pages for people beside the API: every call, made from the OpenAPI document, and every problem, made from the table.

Server-rendered, nothing from elsewhere, nothing that runs: the strictest policy there is.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from litestar import Response

from statewright.http.problems import TABLE, Explanation

_STYLE = """
:root{color-scheme:light dark;--ink:light-dark(#1d2025,#e7e9ec);--soft:light-dark(#5d6572,#9aa3b0);
--line:light-dark(#dfe2e7,#33383f);--ground:light-dark(#f5f6f8,#15171a);--card:light-dark(#fff,#1d2024);
--get:light-dark(#17603d,#7fd3a5);--post:light-dark(#1c4f94,#8db9f5);--delete:light-dark(#98281f,#f2a19a)}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:14px/1.55 Inter,system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;margin:.5rem 0}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}h3{font-size:.9rem;margin:1rem 0 .3rem}
p{margin:.4rem 0}a{color:var(--post)}
section,details{background:var(--card);border:1px solid var(--line);border-radius:10px}
section,details{padding:.7rem 1rem;margin:.6rem 0}
summary{cursor:pointer;overflow-wrap:anywhere}
code,pre,.path{font:12.5px/1.5 "JetBrains Mono",ui-monospace,monospace}
code{overflow-wrap:anywhere}
pre{margin:.3rem 0;padding:.6rem;background:var(--ground);border-radius:8px;overflow-x:auto}
.method{display:inline-block;min-width:4.2rem;font-weight:700}.get{color:var(--get)}.post{color:var(--post)}
.delete{color:var(--delete)}.soft{color:var(--soft)}
dl{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.25rem 1rem;margin:.3rem 0}dd{margin:0}
@media(max-width:34rem){dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def page(title: str, body: str) -> Response[str]:
    """A whole page; `body` is HTML."""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Statewright</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    return Response(html, media_type="text/html", headers={"Content-Security-Policy": POLICY, "Vary": "Accept"})


def problem_page(code: str, row: Explanation) -> Response[str]:
    """What a problem means and what to do about it."""
    again = (
        f"<p>Try again after {row.retry_after_s} s, or as <code>Retry-After</code> says.</p>"
        if row.retry_after_s
        else ""
    )
    return page(
        row.title,
        f'<p class="soft"><code>{escape(code)}</code> · status {row.status}</p>'
        f"<section><h3>What it means</h3><p>{_marked(row.meaning)}</p>"
        f"<h3>What to do</h3><p>{_marked(row.remedy)}</p>{again}</section>"
        '<p><a href="/problems">All problems</a> · <a href="/api/docs">The API</a></p>',
    )


def problems_page() -> Response[str]:
    """All problems, by status."""
    rows = "".join(
        f'<dt><a href="/problems/{code}"><code>{code}</code></a></dt><dd>{row.status} · {escape(row.title)}</dd>'
        for code, row in TABLE.items()
    )
    return page("Problems", f"<section><dl>{rows}</dl></section>")


def api_page(document: Mapping[str, Any]) -> Response[str]:
    """The API as its OpenAPI document describes it: every call, what it takes and answers, and every shape."""
    info = document["info"]
    parts = [
        f"<p>{_marked(info['description'])}</p>",
        '<p class="soft">As a document for tools: <a href="/api/v1/openapi.json">openapi.json</a>. '
        'What can go wrong: <a href="/problems">problems</a>.</p>',
    ]
    for heading, calls in _by_subject(document["paths"]):
        parts.append(f"<h2>{escape(heading)}</h2>")
        parts.extend(_call(method, path, operation) for method, path, operation in calls)
    parts.append('<h2 id="shapes">Shapes</h2>')
    parts.extend(_shape(name, schema) for name, schema in sorted(document["components"]["schemas"].items()))
    return page(f"{info['title']} API {info['version']}", "".join(parts))


_Call = tuple[str, str, Mapping[str, Any]]


def _by_subject(paths: Mapping[str, Any]) -> Iterable[tuple[str, list[_Call]]]:
    """The calls under the first word of their path below `/api/v1`, in the order of the paths."""
    found: dict[str, list[_Call]] = {}
    for path, item in sorted(paths.items()):
        inside = path.startswith("/api/v1/")
        subject = path.removeprefix("/api/v1/").split("/")[0].capitalize() if inside else "The server"
        found.setdefault(subject, []).extend((method, path, operation) for method, operation in item.items())
    return found.items()


def _call(method: str, path: str, operation: Mapping[str, Any]) -> str:
    summary, _, rest = operation["description"].partition("\n\n")
    parts = [
        f'<details id="{escape(operation["operationId"])}"><summary>'
        f'<span class="method {method}">{method.upper()}</span>'
        f'<span class="path">{escape(path)}</span> <span class="soft">{_marked(summary)}</span></summary>'
    ]
    parts.extend(f"<p>{_marked(' '.join(paragraph.split()))}</p>" for paragraph in rest.split("\n\n") if paragraph)
    if operation.get("parameters"):
        parts.append(f"<h3>Parameters</h3><dl>{''.join(map(_parameter, operation['parameters']))}</dl>")
    if "requestBody" in operation:
        parts.append(f"<h3>Body</h3><dl>{_contents(operation['requestBody']['content'])}</dl>")
    parts.append(
        f"<h3>Answers</h3><dl>{''.join(_answer(*item) for item in operation['responses'].items())}</dl></details>"
    )
    return "".join(parts)


def _parameter(parameter: Mapping[str, Any]) -> str:
    needed = ", required" if parameter.get("required") else ""
    return (
        f"<dt><code>{escape(parameter['name'])}</code></dt>"
        f'<dd><span class="soft">{parameter["in"]}{needed}.</span> {_marked(parameter.get("description", ""))}</dd>'
    )


def _answer(status: str, answer: Mapping[str, Any]) -> str:
    content = answer.get("content", {})
    shapes = (
        "" if "application/problem+json" in content else " ".join(_links(each["schema"]) for each in content.values())
    )
    headers = ", ".join(f"<code>{escape(name)}</code>" for name in answer.get("headers", ()))
    said = "<br>".join(_marked(line) for line in answer["description"].split("\n\n"))
    more = f' <span class="soft">with {headers}</span>' if headers else ""
    return f"<dt><code>{status}</code></dt><dd>{said} {shapes}{more}</dd>"


def _contents(content: Mapping[str, Any]) -> str:
    return "".join(
        f"<dt><code>{escape(media)}</code></dt><dd>{_links(each['schema'])}</dd>" for media, each in content.items()
    )


def _links(schema: Mapping[str, Any]) -> str:
    """The shapes that a schema is, or is a list of."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#shape-{escape(name)}">{escape(name)}</a>'
    if schema.get("type") == "array":
        return f"list of {_links(schema['items'])}"
    return escape(str(schema.get("type", "anything")))


def _shape(name: str, schema: Mapping[str, Any]) -> str:
    written = escape(json.dumps(schema, indent=2, ensure_ascii=False))
    said = _marked(" ".join(schema.get("description", "").split()))
    return (
        f'<details id="shape-{escape(name)}"><summary><code>{escape(name)}</code> '
        f'<span class="soft">{said}</span></summary><pre>{written}</pre></details>'
    )


def _marked(text: str) -> str:
    """Escaped text, with what stands in backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
