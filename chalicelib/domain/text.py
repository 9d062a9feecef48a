"""Text that people type: normalised, checked for invisible characters, and folded for comparison."""

import re
import unicodedata

from chalicelib.domain.errors import InvalidRequest


def fold(text: str) -> str:
    """Fold text for comparison without case, accents ("Đ" becomes "d") and invisible characters."""
    plain = _IGNORABLE.sub("", unicodedata.normalize("NFKD", text.casefold()).replace("đ", "d"))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


NAME_LIMIT = 200


KEY_BYTES = 2000
"""The most bytes of a folded text, because codes are keys. Folding can lengthen: "ﷺ" becomes 18 letters."""


# The property Default_Ignorable_Code_Point (DerivedCoreProperties.txt of Unicode 17.0): what is not shown,
# assigned or not. Python has no such property.
_DEFAULT_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_IGNORABLE = re.compile(f"[{_DEFAULT_IGNORABLE}]")


_BLANK = "\u2800\ufff9\ufffa\ufffb\ufffc\U0001d159"
"""What is empty though no property says so: no dots in Braille, marks of annotations, an object, no note."""


_JOINERS = "\u200c\u200d"


_VIRAMA = 9
"""The combining class of what joins the letters of Indic scripts."""


CLEANED_FIELDS = {
    "name": ("name", NAME_LIMIT),
    "code": ("code", 64),
    "group": ("group", 100),
    "email": ("mail address", 254),
}
"""The fields that are cleaned: their names in messages, and their most characters."""


def clean(text: str, *, what: str = "name", limit: int = NAME_LIMIT) -> str:
    """Normalise a typed name, code or group to NFC with single spaces; it has 1 to `limit` characters.

    Every script is allowed. Control and invisible characters are refused, except where a script needs them,
    because with them two different names can look the same. Raises InvalidRequest; `what` names the field in
    its message.
    """
    name = compose(text)
    if (
        not 1 <= len(name) <= limit
        or not 1 <= len(fold(name).encode()) <= KEY_BYTES
        or not _has_visible(name)
    ):
        raise InvalidRequest(f"A {what} has 1 to {limit} visible characters.")
    around = zip(f" {name}", name, f"{name} "[1:], strict=False)
    if any(_is_unseen(before, c, after) for before, c, after in around):
        raise InvalidRequest(f"A {what} must not contain control or invisible characters.")
    return name


def compose(text: str) -> str:
    """Normalise text to NFC with single spaces, without checking it."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _has_visible(text: str) -> bool:
    # Category Cn includes letters and emoji that are newer than this Python's Unicode tables.
    return any(unicodedata.category(c)[0] in "LNPS" or unicodedata.category(c) == "Cn" for c in text)


def _is_unseen(before: str, c: str, after: str) -> bool:
    """Say whether a character between two others shows nothing, and no script needs it there."""
    if unicodedata.category(c) in ("Cc", "Cs", "Co") or c in _BLANK or _is_noncharacter(c):
        return True
    if not _IGNORABLE.match(c):
        return False
    if c in _JOINERS:  # as in Persian and Indic names (Unicode's UAX 31, rules A1, A2 and B)
        both_arabic = unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == "AL"
        both_symbols = _is_symbol(before) and _is_symbol(after)  # emoji of several
        return not (both_arabic or both_symbols or unicodedata.combining(before) == _VIRAMA)
    script = unicodedata.name(before, "").partition(" ")[0]
    if "\u180b" <= c <= "\u180f":
        return script != "MONGOLIAN"
    if "\ufe00" <= c <= "\ufe0f" or "\U000e0100" <= c <= "\U000e01ef":
        return script != "CJK" and not _is_symbol(before)  # variants of ideographs tell families apart
    return True


def _is_symbol(c: str) -> bool:
    return unicodedata.category(c) in ("So", "Sk") or c == "\ufe0f"


def _is_noncharacter(c: str) -> bool:
    return ord(c) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(c) <= 0xFDEF


def first_name(name: str, order: str) -> str:
    """Return the given name by which a kiosk greets, according to the site's `name_order`."""
    words = name.split()
    return words[-1 if order == "family_first" else 0]
