"""docs/testing.md names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")


def test_every_place_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w./]+)`", TEXT))
    assert len(named) > 20
    assert [place for place in sorted(named) if not (ROOT / place).exists()] == []


def test_a_code_of_the_api_is_in_the_file_that_is_said_to_keep_it() -> None:
    rules = TEXT.partition("## Which test keeps a rule")[2]
    rows = re.findall(r"^\| (.+) \| (`tests/.+`) \|$", rules, re.MULTILINE)
    assert len(rows) > 12
    for rule, files in rows:
        texts = [(ROOT / place).read_text(encoding="utf-8") for place in re.findall(r"`([\w./]+)`", files)]
        for code in re.findall(r"`([A-Z]\w+)`", rule):
            assert any(code in text for text in texts), f"{files} does not mention {code}"
