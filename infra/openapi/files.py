"""The files that are made of the routes: for readers in docs/, for callers in chalicelib/web/static/."""

from pathlib import Path
from typing import Final

import msgspec

from app import app
from chalicelib.web import api_docs
from infra.openapi import document, page

ROOT: Final = Path(__file__).resolve().parents[2]


def made() -> dict[Path, bytes]:
    """Make the content of each file, by path."""
    api = document.build(app)
    compact = msgspec.json.encode(api)
    return {
        ROOT / "docs" / "openapi.json": msgspec.json.format(compact, indent=2) + b"\n",
        api_docs.DOCUMENT: compact,
        api_docs.PAGE: page.page(api).encode(),
    }
