"""People: who they are. Their faces are `enrolment.py`'s."""

import unicodedata

from chalicelib.errors import InvalidRequest

NAME_LIMIT = 200


def clean_name(text: str) -> str:
    """Make a name of what somebody typed: NFC, single spaces, 1..200 characters.

    Any script is fine; control and invisible direction characters are refused, for they let one name
    look like another. Raises InvalidRequest.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(name) <= NAME_LIMIT:
        raise InvalidRequest(f"A name has 1 to {NAME_LIMIT} characters.")
    # Cf holds the bidirectional controls, but also the joiners that Persian and Indic names need.
    if any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") or c in _BIDI for c in name):
        raise InvalidRequest("A name must not contain control characters.")
    return name


_BIDI = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
