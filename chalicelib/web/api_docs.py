"""The OpenAPI document and its page, as `make openapi` wrote them."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from chalicelib.web.request import Reply, Request

_STATIC = Path(__file__).with_name("static")


DOCUMENT = _STATIC / "openapi.json"


PAGE = _STATIC / "docs.html"


@cache
def document() -> Reply:
    """Return the OpenAPI document."""
    return Reply(200, DOCUMENT.read_text("utf-8"), {"Content-Type": "application/json"})


@cache
def page() -> Reply:
    """Return the document as a web page, which may use its own style sheet and load nothing."""
    text = PAGE.read_text("utf-8")
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style[1].encode() if style else b"").digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
    return Reply(200, text, headers)


def redirect(request: Request) -> Reply:
    """Return a redirect to the page. The request's path begins with the stage where the URL does."""
    return Reply(303, headers={"Location": f"{request.path.rstrip('/')}/docs"})
