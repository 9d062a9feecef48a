"""What AWS's own tools, and Lambda's own limits, say of the package."""

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.e2e.package import TOOLS, Package, build, native_wheels

UNPACKED_BYTES = 250 * 1024 * 1024
"""Most that Lambda unpacks; 50 MB is the most that is uploaded at once."""


@pytest.fixture(scope="module", params=["dev", "prod"])
def staged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package of a stage that is deployed."""
    return build(request.param, tmp_path_factory.mktemp(f"package-{request.param}"))


def test_browsers_may_read_the_gateways_own_errors(staged: Package) -> None:
    resources = json.loads(staged.sam.read_text(encoding="utf-8"))["Resources"]
    [api] = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::Serverless::Api"]
    answers = api["GatewayResponses"]
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN", "THROTTLED"} <= answers.keys()
    for kind, answer in answers.items():
        assert answer["ResponseParameters"]["Headers"]["Access-Control-Allow-Origin"] == "'*'", kind


def tool(name: str, *words: str | Path) -> str:
    """Run a tool that must succeed; gives what it printed."""
    done = subprocess.run([TOOLS / name, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def lint(template: Path) -> None:
    tool("cfn-lint", "--regions", "us-east-1", "--", template)


def test_cfn_lint_finds_nothing_wrong_with_the_template(staged: Package) -> None:
    lint(staged.sam)


def test_awss_translator_makes_cloudformation_of_it(staged: Package, tmp_path: Path) -> None:
    written = tool("python", Path(__file__).with_name("translate.py"), staged.sam)
    resources = json.loads(written)["Resources"]
    kinds = {resource["Type"] for resource in resources.values()}
    assert not any(kind.startswith("AWS::Serverless") for kind in kinds)
    assert {"AWS::ApiGateway::RestApi", "AWS::ApiGateway::Stage", "AWS::Events::Rule"} <= kinds
    functions = [one for one in resources.values() if one["Type"] == "AWS::Lambda::Function"]
    declared = json.loads(staged.sam.read_text())["Resources"].values()
    assert len(functions) == len([one for one in declared if one["Type"] == "AWS::Serverless::Function"])
    translated = tmp_path / "cloudformation.json"
    translated.write_text(written)
    lint(translated)


def test_every_compiled_wheel_is_one_that_lambda_can_load(staged: Package) -> None:
    wheels = dict(native_wheels(staged.archive))
    assert any(name.startswith("msgspec-") for name in wheels), "the gate has nothing to look at"
    for name, tags in wheels.items():
        assert all("manylinux" in tag for tag in tags), (name, tags)


def test_the_archive_fits_into_lambda_and_holds_no_more_than_the_app(staged: Package) -> None:
    with zipfile.ZipFile(staged.archive) as zipped:
        names = zipped.namelist()
        assert sum(entry.file_size for entry in zipped.infolist()) < UNPACKED_BYTES
    assert "app.py" in names
    assert not [name for name in names if name.startswith(("local/", "tests/", "infra/", ".chalice/"))]
