"""Names: every script is fine, and nothing in them is unseen. Codes: which look like one another."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.lookalikes import skeleton
from chalicelib.domain.text import clean, fold

# Cf that shows something: numbers' signs of Arabic and its relatives, and the joiners of hieroglyphs.
SHOWN = {"\u06dd", "\u070f", "\u08e2", "\U000110bd", "\U000110cd", *map(chr, range(0x600, 0x606))}
SHOWN |= {"\u0890", "\u0891", *map(chr, range(0x13430, 0x13440))}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("Nguyễn Thị Ánh", id="Vietnamese"),
        pytest.param("王小明", id="Chinese"),
        pytest.param("김철수", id="Korean"),
        pytest.param("\u845b\U000e0100城", id="Japanese, a variant of a character"),
        pytest.param("علی\u200cرضا", id="Persian, with a non-joiner"),  # noqa: RUF001
        pytest.param("ක්\u200dරිෂ්ණ", id="Sinhala, with a joiner"),
        pytest.param("രമേശ്\u200c", id="Malayalam, with a non-joiner at the end"),
        pytest.param("ᠮᠣᠩᠭᠣᠯ\u180b", id="Mongolian, with a variant"),
        pytest.param("สมชาย", id="Thai"),
        pytest.param("O'Brien-Łukasz", id="signs"),
        pytest.param("Ada \u2764\ufe0f\u200d\U0001f525", id="an emoji of two"),
    ],
)
def test_names_of_every_script_are_taken(name: str) -> None:
    assert clean(name) == name


@pytest.mark.parametrize(
    "unseen",
    [
        *("\u2800", "\u3164", "\u115f", "\u1160", "\uffa0", "\u00ad", "\u034f", "\u17b4", "\u180e", "\u200b"),
        *("\u200c", "\u200d", "\u2060", "\u2064", "\u2065", "\u206a", "\ufe0f", "\ufff0", "\ufffc", "\u180b"),
        *("\U0001d159", "\U0001d173", "\U000e0001", "\U000e0041", "\U000e007f", "\U000e0100", "\U000e0fff"),
        *("\u202e", "\u2066", "\ufeff", "\ufff9"),
    ],
    ids=lambda unseen: f"U+{ord(unseen):04X}",
)
def test_what_shows_nothing_is_refused_wherever_it_stands(unseen: str) -> None:
    for text in (
        unseen,
        f"An{unseen}h",
        f"{unseen}Anh",
        f"Anh{unseen}",
        f"1{unseen}+",
        f"An {unseen} h",
        f"א{unseen}",
    ):
        with pytest.raises(InvalidRequest):
            clean(text)


def test_every_format_character_is_refused_but_those_that_show_something() -> None:
    """The table of what is unseen keeps up with the Python that runs it."""
    formats = (chr(point) for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point)) == "Cf")
    taken = set()
    for character in formats:
        try:
            clean(f"An{character}h")
        except InvalidRequest:
            continue
        taken.add(character)
    assert taken == {character for character in SHOWN if unicodedata.category(character) == "Cf"}


@given(st.text(min_size=1, max_size=20))
def test_what_is_taken_is_compared_as_it_looks(text: str) -> None:
    try:
        name = clean(text)
    except InvalidRequest:
        return
    assert clean(name) == name
    assert not set(fold(name)) & {"\u200c", "\u200d", "\u2800", "\ufe0f", "\U000e0100"}


def test_a_variant_and_a_joiner_do_not_count_in_comparisons() -> None:
    assert fold("\u845b\U000e0100") == fold("\u845b")
    assert fold("علی\u200cرضا") == fold("علیرضا")  # noqa: RUF001


@pytest.mark.parametrize(
    ("code", "other"),
    [
        pytest.param("HS-0042", "HS-OO42", id="O for 0"),
        pytest.param("HS-1", "HS-I", id="I for 1"),
        pytest.param("HS-1", "НЅ-1", id="Cyrillic"),  # noqa: RUF001
        pytest.param("HB-1", "ΗΒ-1", id="Greek"),  # noqa: RUF001
        pytest.param("hs-0042", "HS-0O42", id="case"),
        pytest.param("MA3", "MAЗ", id="a Cyrillic letter for a digit"),  # noqa: RUF001
    ],
)
def test_codes_that_look_alike_have_one_skeleton(code: str, other: str) -> None:
    assert fold(code) != fold(other)
    assert skeleton(code) == skeleton(other)


@pytest.mark.parametrize(
    ("code", "other"), [("HS-0042", "HS-0043"), ("B8", "BB"), ("S5", "SS"), ("2Z", "ZZ")]
)
def test_codes_that_look_different_have_two(code: str, other: str) -> None:
    assert skeleton(code) != skeleton(other)


@given(st.text(max_size=20))
def test_a_skeleton_is_its_own(code: str) -> None:
    assert skeleton(skeleton(code)) == skeleton(code)
    assert skeleton(fold(code)) == skeleton(code)
