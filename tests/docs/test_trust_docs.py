"""docs/security.md and docs/privacy.md say what the code does."""

import re
from pathlib import Path

import pytest

from chalicelib.domain.settings import Limits, Retention

ROOT = Path(__file__).resolve().parents[2]
SECURITY = (ROOT / "docs/security.md").read_text()
PRIVACY = (ROOT / "docs/privacy.md").read_text()
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
LESSONS = [f"S{number}" for number in range(1, 18)]


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_lesson_of_security_stands_in_the_threat_model_with_its_test(lesson: str) -> None:
    [row] = re.findall(rf"^\| {lesson} \|.*$", SECURITY, re.MULTILINE)
    named = re.findall(r"test_\w+(?=`)", row)
    assert any(f"_{lesson}_" in name for name in named)
    for name in named:
        assert f"def {name}(" in TESTS


def test_the_tests_that_security_names_are_there() -> None:
    for name in re.findall(r"`(test_\w+|tests/[\w/]+)(?:\.py)?`", SECURITY):
        file = ROOT / "tests" / f"{name.removeprefix('tests/')}.py"
        assert file.exists() or f"def {name}(" in TESTS, name


def test_the_limits_are_the_settings_defaults() -> None:
    limits = Limits()
    for name in ("sessions_per_minute", "enrolments_per_minute", "unknown_tokens_per_minute"):
        assert f"| `{name}` | {getattr(limits, name)} |" in SECURITY
    for who in ("kiosk", "person"):
        failures, window, lock = (
            getattr(limits, f"{who}_{field}") for field in ("failures", "window_s", "lock_s")
        )
        assert f"locked for `{who}_lock_s` | {failures} in {window}, {lock} |" in SECURITY


def test_the_retention_is_the_settings_defaults() -> None:
    retention = Retention()
    for name in Retention.__struct_fields__:
        assert f"| `{name}` | {getattr(retention, name)} |" in PRIVACY
