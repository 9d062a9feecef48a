"""Codes that look like one another. Pure.

What makes letters alike is UTS 39 of Unicode: the lines of its confusables.txt whose capital letter or digit
is Latin, Greek or Cyrillic and looks like one of ASCII. That is what a wrong keyboard or digit puts
into a code; the whole table has 6,300 lines, of scripts that nobody mixes with these unawares.
"""

from chalicelib.domain.text import fold

# Of confusables.txt, version 13.0.0. Codes are compared as capitals, which is how they are written.
_LETTERS = "ƧȜƷЗӠƼȢΑАƄЬΒВСΕЕϜƍԌΗНͿЈΚК1IƖǀΙІӀΜϺМΝ0ΟОΡРƦЅΤТѴԜΧХʏΥУҮΖ"  # noqa: RUF001
_LOOK_LIKE = "2333358AAbbBBCEEFgGHHJJKKlllllllMMMNOOOPPRSTTVWXXyYYYZ"
_ALIKE = str.maketrans(_LETTERS, _LOOK_LIKE)


def skeleton(code: str) -> str:
    """Give what all codes have in common that look like this one, whatever their case and accents."""
    return fold(fold(code).upper().translate(_ALIKE))
