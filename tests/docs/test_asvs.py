"""docs/asvs.md has each requirement of OWASP ASVS 4.0.3, levels 1 and 2, once, and names what is there."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/asvs.md").read_text()
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
ROW = re.compile(r"^\| (\d[\d., ]*) \| ([^|]+) \| (pass|n/a|open) \| ([^|]+) \|$", re.MULTILINE)

SECTIONS = {
    "1.1": "1-7",
    "1.2": "1-4",
    "1.4": "1 4 5",
    "1.5": "1-4",
    "1.6": "1-4",
    "1.7": "1-2",
    "1.8": "1-2",
    "1.9": "1-2",
    "1.10": "1",
    "1.11": "1-2",
    "1.12": "2",
    "1.14": "1-6",
    "2.1": "1-12",
    "2.2": "1-3",
    "2.3": "1-3",
    "2.4": "1-5",
    "2.5": "1-7",
    "2.6": "1-3",
    "2.7": "1-6",
    "2.8": "1-7",
    "2.9": "1-3",
    "2.10": "1-4",
    "3.1": "1",
    "3.2": "1-4",
    "3.3": "1-4",
    "3.4": "1-5",
    "3.5": "1-3",
    "3.7": "1",
    "4.1": "1-3 5",
    "4.2": "1-2",
    "4.3": "1-3",
    "5.1": "1-5",
    "5.2": "1-8",
    "5.3": "1-10",
    "5.4": "1-3",
    "5.5": "1-4",
    "6.1": "1-3",
    "6.2": "1-6",
    "6.3": "1-2",
    "6.4": "1-2",
    "7.1": "1-4",
    "7.2": "1-2",
    "7.3": "1 3 4",
    "7.4": "1-3",
    "8.1": "1-4",
    "8.2": "1-3",
    "8.3": "1-8",
    "9.1": "1-3",
    "9.2": "1-4",
    "10.2": "1-2",
    "10.3": "1-3",
    "11.1": "1-8",
    "12.1": "1-3",
    "12.2": "1",
    "12.3": "1-6",
    "12.4": "1-2",
    "12.5": "1-2",
    "12.6": "1",
    "13.1": "1 3 4 5",
    "13.2": "1-3 5-6",
    "13.3": "1-2",
    "13.4": "1-2",
    "14.1": "1-4",
    "14.2": "1-6",
    "14.3": "2-3",
    "14.4": "1-7",
    "14.5": "1-4",
}
"""The numbers of levels 1 and 2 by section; what is missing was withdrawn, or is of level 3 only."""


def required() -> list[str]:
    ids = []
    for section, numbers in SECTIONS.items():
        for part in numbers.split():
            first, _, last = part.partition("-")
            ids += [f"{section}.{number}" for number in range(int(first), int(last or first) + 1)]
    return ids


def test_each_requirement_stands_there_once() -> None:
    assert len(required()) == 259
    listed = [one for ids, *_ in ROW.findall(TEXT) for one in ids.split(", ")]
    assert listed == required()


def test_every_row_of_a_table_is_read() -> None:
    assert len(ROW.findall(TEXT)) == len(re.findall(r"^\| \d+\.", TEXT, re.MULTILINE))


def test_the_counts_are_those_of_the_rows() -> None:
    states = Counter(state for ids, _, state, _ in ROW.findall(TEXT) for _ in ids.split(", "))
    assert f"| {states['pass']} | {states['n/a']} | {states['open']} |" in TEXT


def test_what_is_named_as_proof_is_there() -> None:
    for name in re.findall(r"`([^`]+)`", TEXT):
        if name.startswith("test_"):
            assert f"def {name}(" in TESTS, name
        elif re.fullmatch(r"[\w.]+/[\w/.]+", name):
            assert (ROOT / name).exists() or (ROOT / f"{name}.py").exists(), name
    for link in re.findall(r"\]\((\w+\.md)\)", TEXT):
        assert (ROOT / "docs" / link).exists(), link
