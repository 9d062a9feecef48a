"""The rooms of chalicelib: imports go down only, and each kind of outside world has one door."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("config", "domain", "aws", "services", "web", "lab", "wiring")
"""From the ground up: a module imports its own room and those before it."""

MODULES = sorted(path for path in (ROOT / "chalicelib").rglob("*.py"))
RULES = [path for path in MODULES if path.parent.name == "domain" and path.parent.parent.name == "chalicelib"]
OUTSIDE = {"boto3", "botocore", "chalice", "os", "time", "random", "socket", "threading"}
LONGEST = 450
"""Most lines of a module: what one can read at a sitting."""


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def floor_of(module: str) -> int | None:
    """Give the floor of a module by its dotted name; None for what is outside of the rooms."""
    parts = module.split(".")
    return FLOORS.index(parts[1]) if parts[0] == "chalicelib" and len(parts) > 1 else None


def imports(source: str, *, module: str) -> set[str]:
    """Name what a module imports at any depth, relative imports too, for types or at run time."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*module.split(".")[: -node.level], *filter(None, [node.module])])
            found |= {f"{base}.{alias.name}" for alias in node.names} | {base}
    return found


def at_run_time(path: Path) -> set[str]:
    """Name the packages that a module imports when it runs, without what is only for the type checker."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return {found.partition(".")[0] for found in imports(ast.unparse(tree), module=name_of(path))}


def climbing(source: str, *, module: str) -> set[str]:
    """Name the imports of a module that go up."""
    own = floor_of(module)
    assert own is not None, f"{module} is in no room"
    return {
        found
        for found in imports(source, module=module)
        if found.split(".")[0] == "chalicelib" and ((floor := floor_of(found)) is not None and floor > own)
    }


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_down_only(path: Path) -> None:
    if name_of(path) != "chalicelib":
        assert not climbing(path.read_text(), module=name_of(path))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("chalicelib.domain.reports", "from chalicelib.aws import dynamodb"),
        ("chalicelib.domain.reports", "from chalicelib import wiring"),
        ("chalicelib.domain.reports", "from ..aws.dynamodb import Table"),
        ("chalicelib.aws.items", "import chalicelib.services.people"),
        ("chalicelib.services.people", "def f():\n    from chalicelib.web import request"),
        ("chalicelib.web.endpoint", "if TYPE_CHECKING:\n    from chalicelib.lab.routes import register"),
    ],
)
def test_an_import_that_climbs_is_found(module: str, source: str) -> None:
    assert climbing(source, module=module)


def test_every_module_is_in_a_room() -> None:
    homeless = [name_of(path) for path in MODULES if name_of(path) != "chalicelib"]
    assert not [name for name in homeless if name.split(".")[1] not in FLOORS]


@pytest.mark.parametrize("path", RULES, ids=name_of)
def test_rules_touch_nothing_outside(path: Path) -> None:
    assert not at_run_time(path) & OUTSIDE


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_wiring_reads_the_environment_and_makes_clients(path: Path) -> None:
    found = at_run_time(path)
    assert path.stem == "wiring" or not found & {"boto3", "os"}
    assert path.stem in {"wiring", "client_events"} or "botocore" not in found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_endpoint_knows_chalice(path: Path) -> None:
    assert path.stem == "endpoint" or "chalice" not in at_run_time(path)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_that_is_packaged_needs_the_laptop(path: Path) -> None:
    assert not at_run_time(path) & {"local", "tests", "infra", "moto", "cv2", "numpy"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_use_cases_are_told_the_time(path: Path) -> None:
    assert path.stem == "wiring" or "datetime.now(" not in path.read_text()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_can_be_read_at_a_sitting(path: Path) -> None:
    assert path.stem == "errors" or len(path.read_text().splitlines()) <= LONGEST


TESTS = sorted((ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_no_file_imports_a_test_file(path: Path) -> None:
    found = {name for name in imports(path.read_text(), module=name_of(path)) if name.startswith("tests.")}
    assert not {name for name in found if any(part.startswith("test_") for part in name.split(".")[:3])}


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_no_test_replaces_boto3_with_a_mock(path: Path) -> None:
    assert not {"unittest.mock", "mock"} & imports(path.read_text(), module=name_of(path))
