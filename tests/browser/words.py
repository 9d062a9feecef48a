"""What the page says, as its own files have it, and what the API may answer to it."""

import json
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
_SRC = Path(__file__).resolve().parent / "page" / "src"

WORDS: dict[str, dict[str, Any]] = {
    language: json.loads((_SRC / "words" / f"{language}.json").read_text()) for language in ("en", "vi")
}
CODES: dict[str, str] = json.loads((_SRC / "codes.json").read_text())
"""Which words the page has for each `Code` of the API."""

CALLS = ("/v1/liveness-sessions", "/v1/punches")
"""Where the page posts to."""


class Problem(NamedTuple):
    """A refusal as the API documents it."""

    status: int
    body: dict[str, Any]
    has_wait: bool
    """Whether it comes with Retry-After."""


def problems() -> dict[str, Problem]:
    """Find what the API may refuse the page, by its `Code`."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    found: dict[str, Problem] = {}
    for path in CALLS:
        for status, answer in document["paths"][path]["post"]["responses"].items():
            if int(status) < 400:
                continue
            if "$ref" in answer:
                answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
            content = answer["content"]["application/json"]
            examples = [example["value"] for example in content.get("examples", {}).values()]
            for body in examples or [content["example"]]:
                found[body["Code"]] = Problem(int(status), body, "Retry-After" in answer["headers"])
    return found


def refusal(status: int, body: Any, wait_s: int | None = None) -> dict[str, Any]:
    """Make what Playwright answers in the server's place."""
    headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
    if wait_s is not None:
        headers["Retry-After"] = str(wait_s)
    return {"status": status, "json": body, "headers": headers}
