"""Three rings: pure rules, use cases that are handed gateways and the time, gateways."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(path.stem for path in (ROOT / "chalicelib").glob("*.py") if path.stem != "__init__")
PURE = {
    "advice",
    "calendars",
    "errors",
    "items",
    "models",
    "pictures",
    "reports",
    "settings",
    "spreadsheets",
    "workdays",
}
OUTSIDE = {"boto3", "botocore", "chalice", "os", "time", "random", "socket", "threading"}


def imports(path: Path) -> set[str]:
    """Name what a module imports at any depth, without what is only for the type checker."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(node)
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and ast.unparse(guard.test) == "TYPE_CHECKING"
        for node in ast.walk(guard)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("module", sorted(PURE & set(MODULES)))
def test_pure_modules_touch_nothing_outside(module: str) -> None:
    assert not tops(ROOT / "chalicelib" / f"{module}.py") & OUTSIDE


@pytest.mark.parametrize("module", MODULES)
def test_only_wiring_knows_boto3_and_the_environment(module: str) -> None:
    found = tops(ROOT / "chalicelib" / f"{module}.py")
    assert module == "wiring" or not found & {"boto3", "botocore", "os"}


@pytest.mark.parametrize("module", MODULES)
def test_only_the_endpoints_and_the_app_know_chalice(module: str) -> None:
    found = imports(ROOT / "chalicelib" / f"{module}.py")
    assert module == "endpoints" or "chalice" not in {name.partition(".")[0] for name in found}
    assert module == "openapi" or "chalicelib.web.endpoints" not in found, (
        "use cases speak of HTTP by http.py"
    )


@pytest.mark.parametrize("module", MODULES)
def test_nothing_that_is_packaged_needs_the_laptop(module: str) -> None:
    found = tops(ROOT / "chalicelib" / f"{module}.py")
    assert not found & {"local", "tests", "infra", "moto", "cv2", "numpy"}


@pytest.mark.parametrize("module", MODULES)
def test_use_cases_are_told_the_time(module: str) -> None:
    source = (ROOT / "chalicelib" / f"{module}.py").read_text()
    assert module == "wiring" or "datetime.now(" not in source


@pytest.mark.parametrize("path", sorted((ROOT / "tests").glob("*.py")), ids=lambda path: path.stem)
def test_no_test_replaces_boto3_with_a_mock(path: Path) -> None:
    assert not {"unittest.mock", "mock"} & imports(path)
