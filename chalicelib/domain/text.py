"""Text that people type: cleaned of what cannot be seen, and folded for comparison."""

import unicodedata

from chalicelib.domain.errors import InvalidRequest


def fold(text: str) -> str:
    """Make text comparable: no case, no accents ("Ánh" and "anh" are one; "Đ" counts as "d")."""
    plain = unicodedata.normalize("NFKD", text.casefold()).replace("đ", "d")
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


NAME_LIMIT = 200


KEY_BYTES = 2000
"""Most bytes that a text may have without accents and ligatures ("ﷺ" becomes 18 letters): codes are keys."""


_BIDI = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"


# Soft hyphen, zero-width space, word joiner, invisible operators and Hangul's fillers (letters, by category).
_EMPTY = "\u00ad\u180e\u200b\u2060\u2061\u2062\u2063\u2064\u115f\u1160\u3164\uffa0"


_INVISIBLE = frozenset(_BIDI + _EMPTY)


TEXTS = {
    "name": ("name", NAME_LIMIT),
    "code": ("code", 64),
    "group": ("group", 100),
    "email": ("mail address", 254),
}
"""The fields that are cleaned: what messages call them, and their most characters."""


def clean(text: str, *, what: str = "name", limit: int = NAME_LIMIT) -> str:
    """Make a name (or code, or group) of what somebody typed: NFC, single spaces, 1..`limit` characters.

    Any script is fine; control characters and those that show nothing are refused, for they let one name
    look like another. Raises InvalidRequest.
    """
    name = _composed(text)
    if not 1 <= len(name) <= limit or not 1 <= len(fold(name).encode()) <= KEY_BYTES or not _shows(name):
        raise InvalidRequest(f"A {what} has 1 to {limit} visible characters.")
    # Not all of Cf: the joiners that Persian and Indic names need are in it too.
    if any(
        unicodedata.category(c) in ("Cc", "Cs", "Co") or c in _INVISIBLE or _is_noncharacter(c) for c in name
    ):
        raise InvalidRequest(f"A {what} must not contain control or invisible characters.")
    return name


def _composed(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _shows(text: str) -> bool:
    # Unassigned ones ("Cn") are letters and emoji younger than this Python's tables.
    return any(unicodedata.category(c)[0] in "LNPS" or unicodedata.category(c) == "Cn" for c in text)


def _is_noncharacter(c: str) -> bool:
    return ord(c) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(c) <= 0xFDEF


def first_name(name: str, order: str) -> str:
    """Give the word of a name by which somebody is greeted, in the site's order of names."""
    words = name.split()
    return words[-1 if order == "family_first" else 0]
