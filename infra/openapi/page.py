"""The OpenAPI document as a web page: one file without scripts, that works offline.

Every operation is open on the page, so that the browser's own search finds all of it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

Json = Mapping[str, Any]


STYLE = """
:root{color-scheme:light dark;--text:#1c2330;--soft:#5b6577;--line:#e1e5ec;--page:#fff;--panel:#f6f8fa;
--link:#0b5fcc;--get:#0a7a4b;--post:#0b5fcc;--put:#96600a;--patch:#7a4fc0;--delete:#c0322b}
@media(prefers-color-scheme:dark){:root{--text:#dfe5ee;--soft:#93a0b4;--line:#2b3340;--page:#12161d;
--panel:#1a202a;--link:#6cb0ff;--get:#4cc38a;--post:#6cb0ff;--put:#e2b04f;--patch:#b79bf2;--delete:#ff8078}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;display:grid;grid-template-columns:17rem minmax(0,1fr);background:var(--page);
color:var(--text);font:16px/1.55 system-ui,sans-serif}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1.5rem 1rem;background:var(--panel);
border-right:1px solid var(--line);font-size:.85rem}
nav h2{margin:1.2rem 0 .2rem;padding:0;border:0;font-size:.75rem;letter-spacing:.06em;
text-transform:uppercase;color:var(--soft)}
nav a{display:block;padding:.12rem .4rem;border-radius:4px;color:inherit;text-decoration:none;
overflow:hidden;white-space:nowrap;text-overflow:ellipsis}
nav a:hover,nav a:focus-visible{background:var(--line)}
main{width:100%;max-width:60rem;padding:2rem 2.5rem 6rem}
h1{margin:0;font-size:2rem;line-height:1.2}
h2{margin:3.5rem 0 .3rem;padding-top:1rem;border-top:1px solid var(--line);font-size:1.4rem}
h3{margin:0 0 .4rem;font-size:1rem;font-weight:400;overflow-wrap:anywhere}
h4{margin:1.1rem 0 .3rem;font-size:.8rem;letter-spacing:.04em;text-transform:uppercase;color:var(--soft)}
p{margin:.4rem 0;max-width:46rem}
a{color:var(--link)}
code,pre{font:.86em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{overflow-wrap:anywhere}
pre{margin:.4rem 0;padding:.8rem 1rem;overflow:auto;background:var(--panel);border:1px solid var(--line);
border-radius:6px;max-height:26rem}
table{width:100%;border-collapse:collapse;font-size:.9rem}
td{padding:.4rem .8rem .4rem 0;vertical-align:top;border-top:1px solid var(--line)}
td:first-child{width:13rem}
td>p:first-child{margin-top:0}
td ul{margin:0;padding-left:1.1rem}
section{margin:1.5rem 0;padding:1.2rem 1.4rem;border:1px solid var(--line);border-radius:10px}
section:target{border-color:var(--link)}
summary{cursor:pointer;color:var(--soft);font-size:.85rem}
.soft{color:var(--soft)}
.method{display:inline-block;min-width:4.2rem;margin-right:.5rem;font:600 .8rem ui-monospace,monospace}
.verb{display:inline-block;width:3.4rem;font-size:.7rem;font-weight:600}
.get{color:var(--get)}.post{color:var(--post)}.put{color:var(--put)}.patch{color:var(--patch)}
.delete{color:var(--delete)}
.scope{float:right;margin-left:1rem;padding:0 .6rem;border:1px solid var(--line);border-radius:1rem;
font-size:.78rem;color:var(--soft)}
@media(max-width:52rem){body{display:block}nav{position:static;height:auto;max-height:40vh;border:0;
border-bottom:1px solid var(--line)}main{padding:1.5rem 1rem 4rem}td:first-child{width:8rem}}
@media print{nav{display:none}body{display:block}section{break-inside:avoid}}
"""


def page(document: Json) -> str:
    """Render the page of a document."""
    info = document["info"]
    title = escape(f"{info['title']} API {info['version']}")
    menu, body = [], []
    for tag in document["tags"]:
        own = list(_operations(document, tag["name"]))
        menu.append(f"<h2>{escape(tag['name'])}</h2>")
        menu += [
            f'<a href="#{name}" title="{escape(path)}"><span class="verb {method}">{method.upper()}</span>'
            f"{name.replace('_', ' ')}</a>"
            for path, method, name, _ in own
        ]
        body.append(f"<h2>{escape(tag['name'])}</h2>{_prose(tag.get('description', ''))}")
        body += [_operation(document, path, method, operation) for path, method, _, operation in own]
    schemas = document["components"]["schemas"]
    menu.append("<h2>schemas</h2>")
    menu += [f'<a href="#{name}">{name}</a>' for name in schemas]
    body.append("<h2>schemas</h2>")
    body += [_component(name, schema) for name, schema in schemas.items()]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<nav aria-label="Operations">{"".join(menu)}</nav>
<main>
<h1>{title}</h1>
<p class="soft">For programs: <a href="openapi.json">openapi.json</a> (OpenAPI {document["openapi"]})</p>
{_prose(info["description"])}
{"".join(body)}
</main>
</body>
</html>
"""


def _operations(document: Json, tag: str) -> Iterable[tuple[str, str, str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if operation["tags"] == [tag]:
                yield path, method, operation["operationId"], operation


def _operation(document: Json, path: str, method: str, operation: Json) -> str:
    parts = [
        f'<section id="{operation["operationId"]}">',
        f'<span class="scope">{escape(operation["x-scope"])}</span>',
        f'<h3><span class="method {method}">{method.upper()}</span><code>{_path(path)}</code></h3>',
        _prose(operation["summary"]),
        _prose(operation.get("description", "")),
    ]
    if parameters := operation["parameters"]:
        parts.append("<h4>Parameters</h4>")
        parts.append(_table(_parameter(_resolved(document, one)) for one in parameters))
    if "requestBody" in operation:
        parts += ["<h4>Body</h4>", _content(operation["requestBody"]["content"])]
    parts.append("<h4>Responses</h4>")
    responses = ((status, _resolved(document, one)) for status, one in operation["responses"].items())
    parts.append(_table((f"<code>{status}</code>", _response(status, one)) for status, one in responses))
    return "".join([*parts, "</section>"])


def _parameter(parameter: Json) -> tuple[str, str]:
    needed = "" if parameter.get("required") else ' <span class="soft">optional</span>'
    where = f'<span class="soft">{escape(parameter["in"])}</span>'
    text = _inline(parameter.get("description", ""))
    name = f"<code>{escape(parameter['name'])}</code> {where}{needed}"
    return name, f"{_kind(parameter['schema'])} {text}"


def _response(status: str, response: Json) -> str:
    content = response.get("content", {})
    text = _prose(response["description"])
    if status >= "400":  # all errors have one schema, and the description lists the codes
        return text
    headers = [name for name in response.get("headers", {}) if name != "X-Request-Id"]
    named = ", ".join(f"<code>{escape(name)}</code>" for name in headers)
    return text + (f'<p class="soft">Headers: {named}</p>' if named else "") + _content(content)


def _content(content: Json) -> str:
    parts = []
    for media, body in content.items():
        parts.append(f"<p><code>{escape(media)}</code> {_kind(body['schema'])}</p>")
        if "example" in body:
            example = json.dumps(body["example"], ensure_ascii=False, indent=2)
            parts.append(f"<details><summary>Example</summary><pre>{escape(example)}</pre></details>")
    return "".join(parts)


def _component(name: str, schema: Json) -> str:
    head = f'<section id="{name}"><h3><strong>{name}</strong></h3>{_prose(schema.get("description", ""))}'
    if "properties" not in schema:
        return f"{head}<p>{_kind(schema)}</p></section>"
    required = schema.get("required", ())
    rows = []
    for field, inner in schema["properties"].items():
        optional = "" if field in required else ' <span class="soft">optional</span>'
        text = _inline(inner.get("description", ""))
        rows.append((f"<code>{escape(field)}</code>{optional}", f"{_kind(inner)} {text}"))
    return f"{head}{_table(rows)}</section>"


def _kind(schema: Json) -> str:
    """Describe a schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{name}">{name}</a>'
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_kind(option) for option in options)
    if "enum" in schema:
        return " | ".join(f"<code>{escape(json.dumps(one))}</code>" for one in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    inner = schema.get("additionalProperties")
    if isinstance(inner, Mapping):
        return f"object of {_kind(inner)} by name"
    words = [schema.get("format") or schema.get("contentEncoding") or kind]
    for key, label in _LIMITS.items():
        if key in schema:
            words.append(f"{label} <code>{escape(str(schema[key]))}</code>")
    if schema.get("default") is not None:
        words.append(f"default <code>{escape(json.dumps(schema['default'], ensure_ascii=False))}</code>")
    return f'<span class="soft">{", ".join(words)}</span>'


_LIMITS = {
    "minimum": "from",
    "maximum": "up to",
    "minLength": "at least this long:",
    "maxLength": "at most this long:",
    "pattern": "like",
}


def _resolved(document: Json, one: Json) -> Json:
    if "$ref" not in one:
        return one
    found = document
    for step in one["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def _path(path: str) -> str:
    return re.sub(r"({\w+})", r'<span class="soft">\1</span>', escape(path))


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return "<table>" + "".join(f"<tr><td>{name}</td><td>{text}</td></tr>" for name, text in rows) + "</table>"


def _prose(text: str) -> str:
    """Render the Markdown that the document uses: paragraphs, lists, `code` and **bold**."""
    made = []
    for block in filter(None, text.split("\n\n")):
        if block.startswith("- "):
            items = "".join(f"<li>{_inline(item)}</li>" for item in re.split(r"(?:^|\n)- ", block)[1:])
            made.append(f"<ul>{items}</ul>")
        else:
            made.append(f"<p>{_inline(block)}</p>")
    return "".join(made)


def _inline(text: str) -> str:
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", safe)
