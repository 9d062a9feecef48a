"""Names as people type them: what is cleaned, what is refused (`InvalidRequest`), what counts as the same."""

import pytest

from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.text import clean, first_name, fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Ánh", "anh"),
        ("ANH", "anh"),
        ("Đức", "duc"),
        ("đỨC", "duc"),
        ("  Nguyễn   Văn \t Ánh ", "nguyen van anh"),
        ("Straße", "strasse"),
        ("ﬁn", "fin"),
        ("é", "e"),
        ("e\u0301", "e"),
        ("", ""),
    ],
)
def test_text_is_compared_without_case_and_accents(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        pytest.param("  Ann   Lee ", "Ann Lee", id="white space"),
        pytest.param("A\u0301nh", "Ánh", id="composed"),
        pytest.param("Ann\nLee", "Ann Lee", id="a line break is white space"),
        pytest.param("李小龙", "李小龙", id="Chinese"),
        pytest.param("ن\u200cن", "ن\u200cن", id="a joiner that Persian needs"),
        pytest.param("क्\u200dष", "क्\u200dष", id="a joiner that Hindi needs"),
        pytest.param("O'Neil-Smith", "O'Neil-Smith", id="punctuation"),
        pytest.param("7", "7", id="a digit"),
        pytest.param("😀", "😀", id="a sign"),
        pytest.param("x" * 200, "x" * 200, id="the longest"),
        pytest.param("a\uffee", "a\uffee", id="beside the noncharacters"),
        pytest.param("a\ufdcf", "a\ufdcf", id="before the noncharacters"),
        pytest.param("a\ufdf0", "a\ufdf0", id="behind the noncharacters"),
    ],
)
def test_a_name_is_kept_as_it_is_written(typed: str, kept: str) -> None:
    assert clean(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("", id="nothing"),
        pytest.param("   ", id="white space"),
        pytest.param("x" * 201, id="too long"),
        pytest.param("\u0301", id="an accent alone"),
        pytest.param("\u200d", id="a joiner alone"),
        pytest.param("ﷺ" * 120, id="too long when it is folded"),
    ],
)
def test_InvalidRequest_for_a_name_without_visible_characters_or_with_too_many(typed: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^A name has 1 to 200 visible characters.$"):
        clean(typed)


@pytest.mark.parametrize(
    "sign",
    [
        *("\0", "\x1b", "\x7f", "\x9f"),  # control
        *("\u200e", "\u202e", "\u2066", "\ufeff"),  # direction
        *("\u00ad", "\u200b", "\u2060", "\u3164"),  # empty
        *("\ue000",),  # private
        *("\uffff", "\ufffe", "\U0001fffe", "\U0010ffff", "\ufdd0", "\ufdef"),  # noncharacters
    ],
)
def test_InvalidRequest_for_what_makes_one_name_look_like_another(sign: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^A name must not contain control or invisible characters.$"):
        clean(f"An{sign}n")


def test_InvalidRequest_says_what_it_is_about() -> None:
    with pytest.raises(InvalidRequest, match=r"^A code has 1 to 3 visible characters.$"):
        clean("abcd", what="code", limit=3)
    with pytest.raises(InvalidRequest, match=r"^A code must not contain control or invisible characters.$"):
        clean("a\0b", what="code", limit=3)
    assert clean("abc", what="code", limit=3) == "abc"


@pytest.mark.parametrize(
    ("name", "order", "greeted"),
    [
        ("Nguyễn Văn Ánh", "family_first", "Ánh"),
        ("Ada King Lovelace", "given_first", "Ada"),
        ("Pelé", "family_first", "Pelé"),
        ("Pelé", "given_first", "Pelé"),
    ],
)
def test_a_kiosk_greets_by_the_first_name(name: str, order: str, greeted: str) -> None:
    assert first_name(name, order) == greeted
