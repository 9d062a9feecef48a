"""What the tests need, checked before the first import that would fail: one line says what is missing."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_NAMED = re.compile(r"^(\w[\w.-]*)(?:\[[^]]*\])?(?=[\s=<>;]|$)", re.MULTILINE)


def missing(folder: Path = ROOT / "requirements", name: str = "dev.in") -> list[str]:
    """List the packages that a file of requirements, or one that it refers to, names and nobody installed."""
    text = (folder / name).read_text(encoding="utf-8")
    found = [one for other in re.findall(r"^-r (\S+)", text, re.MULTILINE) for one in missing(folder, other)]
    for package in _NAMED.findall(text):
        try:
            version(package)
        except PackageNotFoundError:
            found.append(package)
    return found


def require() -> None:
    """Stop with one line if packages or the face models are missing."""
    if packages := missing():
        raise SystemExit(
            f"error: the tests need {', '.join(packages)}: run `make test`, "
            "or `pip install -r requirements/dev.txt`"
        )
    from local import weights

    folder = weights.models_folder()
    if files := [name for name in weights.SHA256 if not (folder / name).is_file()]:
        raise SystemExit(
            f"error: the tests need {', '.join(files)} in {folder}: run `make test`, "
            "or once `python -m local.weights` (a download of 79 MB)"
        )
