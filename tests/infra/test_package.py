"""The zip that goes to Lambda: small, whole, the same each time, at work where nothing else is installed."""

import ast
import contextlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.package import LARGEST, PYTHON, ROOT, SERVICES, PackageError, check, install, main, package
from local.app.appserver import stage_settings
from local.aws.embedded import REGION, Embedded

HERE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
UNCHECKED = 0b01
"""Flags in the head of bytecode that is valid by a hash, but never compared with its source."""


@contextlib.contextmanager
def no_credentials() -> Iterator[None]:
    """A region, but nobody's account; only for the time of a build, because other tests have theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        yield


def build(out: Path, architecture: str | None = None) -> Path:
    with no_credentials():
        return package("dev", out, architecture=architecture)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make package STAGE=dev` writes."""
    out = tmp_path_factory.mktemp("dev")
    build(out)
    return out


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip for this machine, unpacked as Lambda does."""
    out = tmp_path_factory.mktemp("here")
    folder = out / "task"
    shutil.unpack_archive(build(out, HERE), folder)
    return folder


def test_the_stage_runs_on_arm64_with_the_python_that_packages(dev: Path) -> None:
    resources = json.loads((dev / "sam.json").read_text())["Resources"].values()
    functions = [one["Properties"] for one in resources if one["Type"] == "AWS::Serverless::Function"]
    assert {(one["Runtime"], *one["Architectures"], one["CodeUri"]) for one in functions} == {
        (f"python{PYTHON}", "arm64", "./deployment.zip")
    }
    natives = [name for name in names(dev / "deployment.zip") if name.endswith(".so")]
    assert natives
    assert all("aarch64" in name for name in natives)


def test_the_zip_is_small_and_has_nothing_of_the_laptop(dev: Path) -> None:
    assert (dev / "deployment.zip").stat().st_size <= LARGEST
    tops = {name.partition("/")[0].removesuffix(".py") for name in names(dev / "deployment.zip")}
    assert tops >= {"app", "chalicelib", "chalice", "boto3", "botocore", "msgspec", "tzdata"}
    assert not tops & {"tests", "local", "infra", "benchmarks", "moto", "numpy", "cv2", "click", "pip", "bin"}


def test_the_zip_has_the_openapi_document_and_its_page(dev: Path) -> None:
    static = {name for name in names(dev / "deployment.zip") if name.startswith("chalicelib/web/static/")}
    assert {Path(name).name for name in static} == {"openapi.json", "docs.html"}


WRITTEN = ("deployment.zip", "sam.json", "sbom.cdx.json")


def make_package(clone: Path, umask: int, **environment: str) -> dict[str, bytes]:
    """Clone the last commit and run `make package` there; gives what it wrote."""
    subprocess.run(["git", "clone", "--quiet", "--depth=1", ROOT.as_uri(), clone], check=True, umask=umask)
    command = [
        "make",
        "package",
        "STAGE=dev",
        f"PY={sys.executable}",
        "--old-file=.venv/.dev",
        "--old-file=.venv/.tools",
    ]
    variables = {**os.environ, "AWS_DEFAULT_REGION": REGION, **environment}
    subprocess.run(command, cwd=clone, check=True, umask=umask, env=variables, stdout=subprocess.DEVNULL)
    return {name: (clone / "out" / "dev" / name).read_bytes() for name in WRITTEN}


def test_two_fresh_clones_of_a_commit_make_the_same_bytes(tmp_path: Path) -> None:
    one = make_package(tmp_path / "one", 0o022, TZ="UTC", LANG="C.UTF-8", PYTHONHASHSEED="1")
    elsewhere = tmp_path / "in a deeper" / "folder"
    other = make_package(elsewhere, 0o077, TZ="Asia/Ho_Chi_Minh", LANG="C", PYTHONHASHSEED="2")
    assert {name for name in WRITTEN if one[name] != other[name]} == set()


def test_chalice_ships_the_checked_zip_when_it_works_in_the_project_folder(dev: Path, tmp_path: Path) -> None:
    chalice = str(Path(sys.executable).with_name("chalice"))
    command = [chalice, "--project-dir", str(dev / "project"), "package", "--stage", "dev", str(tmp_path)]
    with no_credentials():
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert (tmp_path / "deployment.zip").read_bytes() == (dev / "deployment.zip").read_bytes()
    assert (dev / "project" / ".chalice" / "deployed").resolve() == ROOT / ".chalice" / "deployed"


def test_everything_is_compiled_for_the_python_of_the_runtime(dev: Path) -> None:
    head = importlib.util.MAGIC_NUMBER + UNCHECKED.to_bytes(4, "little")
    with zipfile.ZipFile(dev / "deployment.zip") as archive:
        sources = [name for name in archive.namelist() if name.endswith(".py")]
        for name in sources:
            compiled = archive.read(importlib.util.cache_from_source(name))
            assert compiled.startswith(head), name
            assert str(dev).encode() not in compiled, name


def test_what_the_app_calls_is_what_is_shipped() -> None:
    calls = [
        node
        for node in ast.walk(ast.parse((ROOT / "chalicelib" / "wiring.py").read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_client"
    ]
    assert {ast.literal_eval(call.args[0]) for call in calls} == set(SERVICES)


IN_LAMBDA = """
    import sys
    from datetime import UTC, datetime
    from pathlib import Path

    task = Path.cwd()
    sys.path.insert(0, str(task))
    import app
    from botocore.exceptions import UnknownServiceError
    from chalicelib import wiring
    from chalicelib.domain.settings import Settings

    now = datetime.now(UTC)
    assert isinstance(wiring.directory().settings(), Settings)
    assert wiring.collection().owner("unknown-0000") is None
    assert wiring.bucket().get_photo("nothing") is None
    assert wiring.bucket().link("a.jpg", now=now).url.startswith("http")
    assert wiring.bucket().upload_form("0123")[1]["policy"]
    assert wiring.streaming().issue("a71c04e2d95b4f3886c2e01d").credentials.session_token
    try:
        wiring._session().client("ec2")
    except UnknownServiceError:
        pass
    else:
        raise AssertionError("this is the whole of botocore")

    origins = {name: Path(found.__file__) for name, found in sys.modules.items()
               if getattr(found, "__file__", None)}
    ours = {name for name, path in origins.items() if path.is_relative_to(task)}
    assert {"boto3", "chalice", "msgspec", "urllib3"} <= ours
    foreign = {path for name, path in origins.items() if name not in ours and "site-packages" in path.parts}
    assert not foreign, foreign
    sources = [name for name in ours if origins[name].suffix == ".py"]
    uncompiled = [name for name in sources if not Path(sys.modules[name].__cached__).exists()]
    assert not uncompiled, uncompiled

    request = {"resourcePath": "/health", "httpMethod": "GET", "path": "/health", "requestId": "1"}
    event = {"requestContext": request, "headers": {}, "multiValueQueryStringParameters": None,
             "pathParameters": None, "stageVariables": None, "body": None, "isBase64Encoded": False}
    answer = app.app(event, None)
    assert answer["statusCode"] == 200, answer
"""


def test_the_zip_alone_calls_every_service(task: Path, aws: Embedded) -> None:
    environment = {
        "AWS_ACCESS_KEY_ID": aws.key.id,
        "AWS_SECRET_ACCESS_KEY": aws.key.secret,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": aws.aws_url,
        **stage_settings()["environment_variables"],
    }
    # Without site-packages, without the user's settings, and without writing what is not compiled.
    command = [sys.executable, "-I", "-S", "-B", "-c", textwrap.dedent(IN_LAMBDA)]
    done = subprocess.run(command, cwd=task, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


ENDPOINTS = """
    import itertools, os, sys
    sys.path.insert(0, os.getcwd())
    import boto3

    regions = ["us-east-1", "ap-southeast-1", "eu-central-1", "us-gov-west-1", "cn-north-1", "xx-nowhere-7"]
    for service, region in itertools.product(sys.argv[1:], regions):
        client = boto3.client(service, region, aws_access_key_id="a", aws_secret_access_key="b")
        print(service, region, client.meta.endpoint_url, client.meta.config.signature_version)
        if service == "s3":
            print(client.generate_presigned_url("get_object", {"Bucket": "a", "Key": "b"}).partition("?")[0])
"""


def test_every_region_is_reached_as_with_the_whole_of_botocore(task: Path, tmp_path: Path) -> None:
    def ask(folder: Path, *isolation: str) -> str:
        command = [sys.executable, "-I", "-B", *isolation, "-c", textwrap.dedent(ENDPOINTS), *SERVICES]
        return subprocess.run(
            command, cwd=folder, env={}, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    assert ask(task, "-S") == ask(tmp_path)


def names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def with_wheel(path: Path, *tags: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        text = "\n".join(["Wheel-Version: 1.0", "Root-Is-Purelib: false", *(f"Tag: {tag}" for tag in tags)])
        archive.writestr("thing-1.0.dist-info/WHEEL", text + "\n")
    return path


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param(["cp311-cp311-linux_x86_64"], id="built on this machine"),
        pytest.param(["cp311-cp311-manylinux_2_17_aarch64"], id="for the other architecture"),
        pytest.param(["cp311-cp311-musllinux_1_2_x86_64"], id="for another C library"),
        pytest.param(["cp311-cp311-manylinux2014_x86_64", "cp311-cp311-linux_x86_64"], id="one tag of two"),
        pytest.param([], id="no tag"),
    ],
)
def test_a_wheel_that_lambda_cannot_load_is_refused(tmp_path: Path, tags: list[str]) -> None:
    with pytest.raises(PackageError, match=r"thing-1\.0"):
        check(with_wheel(tmp_path / "a.zip", *tags), "x86_64")


@pytest.mark.parametrize(
    "tags",
    [
        ["py2-none-any", "py3-none-any"],
        ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux2014_x86_64"],
    ],
)
def test_a_wheel_that_lambda_can_load_is_taken(tmp_path: Path, tags: list[str]) -> None:
    check(with_wheel(tmp_path / "a.zip", *tags), "x86_64")


def test_a_zip_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = with_wheel(tmp_path / "a.zip", "py3-none-any")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("large", bytes(LARGEST))
    with pytest.raises(PackageError, match="more than"):
        check(path, "x86_64")


def test_a_source_distribution_is_not_built_for_this_machine(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("from setuptools import setup\nsetup(name='thing', version='1.0')\n")
    with tarfile.open(tmp_path / "thing-1.0.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "setup.py", "thing-1.0/setup.py")
    with pytest.raises(PackageError, match="thing"):
        install(tmp_path / "to", HERE, "--no-index", "--find-links", str(tmp_path), "thing==1.0")
    assert not (tmp_path / "to").exists()


def test_a_folder_of_somebody_else_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "thesis.txt").write_text("years of work")
    with pytest.raises(PackageError, match="not deleted"):
        package("dev", tmp_path)
    assert (tmp_path / "project" / "thesis.txt").exists()


def test_a_stage_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--stage", "moon", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "error: there is no stage moon in .chalice/config.json; there are local, dev, prod\n"
    )
