"""Text that people type: normalised, checked for invisible characters, and folded for comparison."""

import unicodedata

from chalicelib.domain.errors import InvalidRequest


def fold(text: str) -> str:
    """Fold text for comparison without case and accents ("Ánh" becomes "anh", "Đ" becomes "d")."""
    plain = unicodedata.normalize("NFKD", text.casefold()).replace("đ", "d")
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


NAME_LIMIT = 200


KEY_BYTES = 2000
"""The most bytes of a folded text, because codes are keys. Folding can lengthen: "ﷺ" becomes 18 letters."""


_BIDI = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"


# Soft hyphen, zero-width space, word joiner, invisible operators and Hangul's fillers (letters by category).
_EMPTY = "\u00ad\u180e\u200b\u2060\u2061\u2062\u2063\u2064\u115f\u1160\u3164\uffa0"


_INVISIBLE = frozenset(_BIDI + _EMPTY)


CLEANED_FIELDS = {
    "name": ("name", NAME_LIMIT),
    "code": ("code", 64),
    "group": ("group", 100),
    "email": ("mail address", 254),
}
"""The fields that are cleaned: their names in messages, and their most characters."""


def clean(text: str, *, what: str = "name", limit: int = NAME_LIMIT) -> str:
    """Normalise a typed name, code or group to NFC with single spaces; it has 1 to `limit` characters.

    Every script is allowed. Control and invisible characters are refused, because with them two different
    names can look the same. Raises InvalidRequest; `what` names the field in its message.
    """
    name = compose(text)
    if (
        not 1 <= len(name) <= limit
        or not 1 <= len(fold(name).encode()) <= KEY_BYTES
        or not _has_visible(name)
    ):
        raise InvalidRequest(f"A {what} has 1 to {limit} visible characters.")
    # Not all of category Cf: it includes the joiners that Persian and Indic names need.
    if any(
        unicodedata.category(c) in ("Cc", "Cs", "Co") or c in _INVISIBLE or _is_noncharacter(c) for c in name
    ):
        raise InvalidRequest(f"A {what} must not contain control or invisible characters.")
    return name


def compose(text: str) -> str:
    """Normalise text to NFC with single spaces, without checking it."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _has_visible(text: str) -> bool:
    # Category Cn includes letters and emoji that are newer than this Python's Unicode tables.
    return any(unicodedata.category(c)[0] in "LNPS" or unicodedata.category(c) == "Cn" for c in text)


def _is_noncharacter(c: str) -> bool:
    return ord(c) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(c) <= 0xFDEF


def first_name(name: str, order: str) -> str:
    """Return the given name by which a kiosk greets, according to the site's `name_order`."""
    words = name.split()
    return words[-1 if order == "family_first" else 0]
