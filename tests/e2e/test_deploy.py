"""`chalice deploy`, a changed one, and `chalice delete`, each to its end against moto."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from tests.e2e.package import ROOT
from tests.e2e.template import ACCOUNT, REGION
from tests.support.patience import PATIENCE_S

Client = Callable[[str], Any]

SHIPPED = ("app.py", "chalicelib", "requirements.txt")
NAMES = {"rollcall-dev", "rollcall-dev-sweep", "rollcall-dev-retention"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[dict[str, str]]:
    """An empty account: the variables that lead there."""
    command = [sys.executable, "-m", "tests.e2e.moto_bridge"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        yield {
            "AWS_ENDPOINT_URL": process.stdout.readline().strip(),
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
        }
        process.stdin.close()


@pytest.fixture(scope="module")
def client(cloud: dict[str, str]) -> Client:
    session = boto3.session.Session(
        aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION
    )
    url = cloud["AWS_ENDPOINT_URL"]
    return lambda service: session.client(service, endpoint_url=url)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what Chalice deploys, which may be changed."""
    folder = tmp_path_factory.mktemp("project")
    for name in SHIPPED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    (folder / ".chalice").mkdir()
    for path in (ROOT / ".chalice").glob("*.json"):
        shutil.copy(path, folder / ".chalice")
    return folder


@pytest.fixture(scope="module")
def chalice(cloud: dict[str, str], project: Path) -> Callable[[str], None]:
    """Runs Chalice's command line on stage dev."""

    def run(command: str) -> None:
        words: list[str | Path] = [
            Path(sys.executable).with_name("chalice"),
            "--project-dir",
            project,
            command,
            "--stage",
            "dev",
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        done = subprocess.run(words, env=environment | cloud, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Could not install" not in done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def deployed(chalice: Callable[[str], None]) -> None:
    """Deployed for the first time."""
    chalice("deploy")


@pytest.fixture(scope="module")
def changed(deployed: None, project: Path, chalice: Callable[[str], None]) -> None:
    """Deployed again with a new route, another rate, another setting."""
    app = project / "app.py"
    text = app.read_text()
    assert "Rate(1, unit=Rate.MINUTES)" in text
    route = '\n\n@app.route("/extra")\ndef extra():\n    return {}\n'
    app.write_text(text.replace("Rate(1, unit=Rate.MINUTES)", "Rate(5, unit=Rate.MINUTES)") + route)
    settings = project / ".chalice" / "config.json"
    config = json.loads(settings.read_text())
    config["stages"]["dev"]["environment_variables"]["ROLLCALL_ZONE"] = "Europe/Berlin"
    settings.write_text(json.dumps(config))
    chalice("deploy")


def functions(client: Client) -> dict[str, Any]:
    found = client("lambda").list_functions()["Functions"]
    return {function["FunctionName"]: function for function in found}


def routes(client: Client) -> dict[str, dict[str, Any]]:
    [api] = client("apigateway").get_rest_apis()["items"]
    pages = (
        client("apigateway").get_paginator("get_resources").paginate(restApiId=api["id"], embed=["methods"])
    )
    return {
        resource["path"]: resource["resourceMethods"]
        for page in pages
        for resource in page["items"]
        if "resourceMethods" in resource
    }


def config_of(project: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((project / ".chalice" / "config.json").read_text())
    own = config["stages"]["dev"]
    functions = {
        name: {**settings, **own["lambda_functions"][name]}
        for name, settings in config["lambda_functions"].items()
    }
    return {**config, **own, "lambda_functions": functions}


def test_every_function_is_made_as_configured(deployed: None, client: Client, project: Path) -> None:
    made = functions(client)
    assert set(made) >= NAMES
    config = config_of(project)
    archives = {
        base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
        for path in (project / ".chalice" / "deployments").glob("*.zip")
    }
    for name, function in made.items():
        own = {**config, **config.get("lambda_functions", {}).get(name.rpartition("-")[2], {})}
        assert function["Timeout"] == own["lambda_timeout"]
        assert function["MemorySize"] == own["lambda_memory_size"]
        assert function["Architectures"] == [own.get("lambda_architecture", "x86_64")]
        assert function["CodeSha256"] in archives
        variables = function["Environment"]["Variables"]
        assert variables["ROLLCALL_TABLE"] == "rollcall-dev"
        assert variables["ROLLCALL_LAB"] == "off"


def test_every_function_has_a_role_with_the_policy_that_is_written_for_it(
    deployed: None, client: Client, project: Path
) -> None:
    config = config_of(project)
    for name, function in functions(client).items():
        own = config.get("lambda_functions", {}).get(name.rpartition("-")[2], {})
        wanted = own.get("iam_policy_file", config["iam_policy_file"])
        role = function["Role"].rpartition("/")[2]
        iam = client("iam")
        [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        assert document == json.loads((project / ".chalice" / wanted).read_text())
        assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]


def test_every_route_leads_to_the_function_and_may_be_called_by_the_gateway_alone(
    deployed: None, client: Client
) -> None:
    from app import app

    made = routes(client)
    for path, methods in app.routes.items():
        assert set(made[path]) == {*methods, "OPTIONS"}
        for verb in methods:
            integration = made[path][verb]["methodIntegration"]
            assert integration["type"].upper() == "AWS_PROXY"
            assert integration["uri"].endswith(":function:rollcall-dev/invocations")
    [api] = client("apigateway").get_rest_apis()["items"]
    assert set(app.api.binary_types) == set(api["binaryMediaTypes"])
    assert api["endpointConfiguration"]["types"] == ["REGIONAL"]
    policy = json.loads(client("lambda").get_policy(FunctionName="rollcall-dev")["Policy"])
    [statement] = policy["Statement"]
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
    source = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api['id']}/*"
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": source}}


def test_every_schedule_fires_its_function(deployed: None, client: Client) -> None:
    from app import app

    rules = {rule["Name"]: rule for rule in client("events").list_rules()["Rules"]}
    assert len(rules) == len(app.event_sources)
    for name, rule in rules.items():
        [target] = client("events").list_targets_by_rule(Rule=name)["Targets"]
        function = target["Arn"].rpartition(":")[2]
        assert function in functions(client)
        policy = json.loads(client("lambda").get_policy(FunctionName=function)["Policy"])
        assert [one["Principal"] for one in policy["Statement"]] == [{"Service": "events.amazonaws.com"}]
        assert rule["ScheduleExpression"].startswith(("rate(", "cron("))


def test_a_second_deploy_changes_what_changed_and_keeps_the_url(
    deployed: None, client: Client, request: pytest.FixtureRequest
) -> None:
    [before] = client("apigateway").get_rest_apis()["items"]
    made = functions(client)
    request.getfixturevalue("changed")
    [after] = client("apigateway").get_rest_apis()["items"]
    assert after["id"] == before["id"]
    assert "/extra" in routes(client)
    assert set(functions(client)) == set(made)
    for name, function in functions(client).items():
        assert function["Environment"]["Variables"]["ROLLCALL_ZONE"] == "Europe/Berlin"
        assert function["CodeSha256"] != made[name]["CodeSha256"]
    expressions = {rule["ScheduleExpression"] for rule in client("events").list_rules()["Rules"]}
    assert "rate(5 minutes)" in expressions
    assert "rate(1 minute)" not in expressions


def test_delete_leaves_nothing(
    changed: None, client: Client, chalice: Callable[[str], None], project: Path
) -> None:
    chalice("delete")
    assert functions(client) == {}
    assert client("apigateway").get_rest_apis()["items"] == []
    assert client("events").list_rules()["Rules"] == []
    assert client("iam").list_roles()["Roles"] == []
    # Chalice makes no log groups; in AWS each function makes its own when it first runs, and those stay.
    assert client("logs").describe_log_groups()["logGroups"] == []
    deployed = json.loads((project / ".chalice" / "deployed" / "dev.json").read_text())
    assert deployed["resources"] == []


# --- the whole of `make deploy` and `make destroy` ------------------------------------------------


def infra(cloud: dict[str, str], *words: str, says: str = "") -> str:
    """Run `python -m infra`; gives what it prints."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ROLLCALL_"))
    }
    command = [sys.executable, "-m", "infra", words[0], "--stage", "dev", *words[1:]]
    done = subprocess.run(
        command, cwd=ROOT, env=environment | cloud, input=says, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_up_makes_a_stage_of_the_lean_package_and_down_leaves_nothing(
    cloud: dict[str, str], client: Client, tmp_path: Path
) -> None:
    requests.post(f"{cloud['AWS_ENDPOINT_URL']}/moto-api/reset", timeout=PATIENCE_S)
    shutil.rmtree(ROOT / "out" / f"deploy-dev-{REGION}", ignore_errors=True)  # of other accounts
    client("rekognition").create_collection(CollectionId="rollcall-dev")  # moto's CloudFormation makes none

    token = tmp_path / "token"
    [url] = infra(cloud, "up", "--token-file", str(token)).splitlines()
    made = functions(client)
    assert set(made) == NAMES
    assert max(function["CodeSize"] for function in made.values()) < 5 * 1024**2
    roles = {function["Role"].rpartition("/")[2] for function in made.values()}
    assert roles == {f"rollcall-dev-{name}-{REGION}" for name in ("api_handler", "sweep", "retention")}
    assert {role["RoleName"] for role in client("iam").list_roles()["Roles"]} == {
        *roles,
        f"rollcall-dev-streaming-{REGION}",
        f"rollcall-gateway-logs-{REGION}",
    }, "and Chalice has made none of its own"
    assert url.startswith("https://")
    digest = hashlib.sha256(token.read_text().strip().encode()).hexdigest()
    key = {"pk": {"S": f"TOKEN#{digest}"}, "sk": {"S": "-"}}
    assert client("dynamodb").get_item(TableName="rollcall-dev", Key=key)["Item"]["role"]["S"] == "admin"

    assert infra(cloud, "up").splitlines() == [url], "the same API, and no second token"
    assert functions(client).keys() == made.keys()

    infra(cloud, "down", says="dev\n")
    assert functions(client) == {}
    assert client("apigateway").get_rest_apis()["items"] == []
    assert client("events").list_rules()["Rules"] == []
    assert client("iam").list_roles()["Roles"] == []
    assert client("logs").describe_log_groups()["logGroups"] == []
    assert client("dynamodb").list_tables()["TableNames"] == []
    assert client("s3").list_buckets()["Buckets"] == []
    assert client("rekognition").list_collections()["CollectionIds"] == []
    assert client("cloudformation").describe_stacks()["Stacks"] == []
