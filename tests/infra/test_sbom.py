"""The bill of materials names what is in the zip, and nothing else."""

import json
import re
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from infra import sbom
from infra.package import ROOT, package
from local.aws.embedded import REGION


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make package` writes."""
    out = tmp_path_factory.mktemp("dev")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        package("dev", out)
    assert sbom.main(["--out", str(out)]) == 0
    return out


def bill(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / sbom.NAME).read_text())
    return found


def packages(zipped: Path) -> dict[str, str]:
    """Give what a zip says it holds, by name with its version."""
    with zipfile.ZipFile(zipped) as archive:
        notes = [archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA")]
    read = [HeaderParser().parsestr(note) for note in notes]
    return {canonicalize_name(note["Name"]): note["Version"] for note in read}


def test_it_names_what_is_in_the_zip(out: Path) -> None:
    listed = bill(out)
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.6")
    named = {canonicalize_name(one["name"]): one["version"] for one in listed["components"]}
    [chalice] = re.findall("^chalice==([^ ]+)", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE)
    assert named == packages(out / "deployment.zip") | {"chalice": chalice}


def test_every_module_in_the_zip_is_of_the_app_or_of_a_package_that_is_named(out: Path) -> None:
    modules = {"boto3", "botocore", "chalice", "dateutil", "jmespath", "msgspec", "multipart", "s3transfer"}
    modules |= {"six", "tzdata", "urllib3", "xlsxwriter"}
    called = {"dateutil": "python-dateutil"}
    with zipfile.ZipFile(out / "deployment.zip") as archive:
        tops = {name.partition("/")[0].removesuffix(".py") for name in archive.namelist()}
    tops = {top for top in tops if not top.endswith(".dist-info") and top != "__pycache__"}
    assert tops == modules | {"app", "chalicelib"}
    named = {canonicalize_name(one["name"]) for one in bill(out)["components"]}
    assert {called.get(module, module) for module in modules} <= named


def test_each_package_has_a_licence_and_an_address_that_tools_know(out: Path) -> None:
    for one in bill(out)["components"]:
        assert one["licenses"], one["name"]
        assert one["purl"] == f"pkg:pypi/{canonicalize_name(one['name'])}@{one['version']}"


def test_it_is_the_same_each_time_and_names_no_folder(out: Path) -> None:
    first = (out / sbom.NAME).read_bytes()
    environment = {"TZ": "Asia/Ho_Chi_Minh", "LANG": "C", "PYTHONHASHSEED": "2", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "infra.sbom", "--out", str(out)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert (out / sbom.NAME).read_bytes() == first
    assert str(out).encode() not in first
    assert b"/tmp" not in first


def test_without_a_package_or_the_tool_it_says_what_to_do(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sbom.main(["--out", str(tmp_path)]) == 2
    assert "run 'make package'" in capsys.readouterr().err
    monkeypatch.setattr(sbom, "TOOL", tmp_path / "cyclonedx-py")
    assert sbom.main(["--out", str(out)]) == 2
    assert "run 'make .venv/.tools'" in capsys.readouterr().err
