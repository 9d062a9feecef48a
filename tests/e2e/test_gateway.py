"""The cloud's own limits and errors: with a function that misbehaves on request, and with the app."""

import json
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from local.aws.embedded import Embedded
from tests.e2e.conftest import variables
from tests.e2e.emulator import Emulator
from tests.e2e.package import Package
from tests.support.patience import PATIENCE_S

PROBE = """
import base64, json, os, time

def handler(event, context):
    query = event["queryStringParameters"] or {}
    if "sleep" in query:
        time.sleep(float(query["sleep"]))
    if "exit" in query:
        os._exit(1)
    if "raise" in query:
        raise RuntimeError("on request")
    if "bytes" in query:
        return {"statusCode": 200, "body": "x" * int(query["bytes"])}
    if "malformed" in query:
        return {"status": 200}
    if "binary" in query:
        body = base64.b64encode(bytes(range(256))).decode()
        headers = {"Content-Type": "image/png"}
        return {"statusCode": 200, "body": body, "isBase64Encoded": True, "headers": headers}
    if "headers" in query:
        several = {"Set-Cookie": ["a", "b"]}
        return {"statusCode": 401, "headers": {"WWW-Authenticate": "Bearer"}, "multiValueHeaders": several}
    return {"statusCode": 200, "body": json.dumps({**event, "pid": os.getpid()})}
"""


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A function of two environments, stopped at 2 s, behind a gateway that waits for 1 s."""
    folder = tmp_path_factory.mktemp("probe")
    with zipfile.ZipFile(folder / "probe.zip", "w") as zipped:
        zipped.writestr("probe.py", PROBE)
    properties = {"Handler": "probe.handler", "Runtime": "python3.11", "Timeout": 2, "CodeUri": "./probe.zip"}
    proxy = {"type": "aws_proxy", "uri": {"Fn::Sub": "lambda:path/functions/${Probe.Arn}/invocations"}}
    method = {"x-amazon-apigateway-integration": proxy}
    document = {
        "paths": {"/a": {"get": method, "post": method}, "/a/{b}": {"get": method}, "/a/c": {"get": method}},
        "x-amazon-apigateway-binary-media-types": ["image/png"],
    }
    resources = {
        "Probe": {"Type": "AWS::Serverless::Function", "Properties": properties},
        "Api": {
            "Type": "AWS::Serverless::Api",
            "Properties": {"StageName": "try", "DefinitionBody": document},
        },
    }
    (folder / "sam.json").write_text(json.dumps({"Resources": resources}))
    with Emulator(folder / "sam.json", folder / "task", {}, integration_s=1) as emulator:
        yield emulator


def get(probe: Emulator, path: str = "/a", **query: object) -> requests.Response:
    named = {name.rstrip("_"): str(value) for name, value in query.items()}
    return requests.get(probe.url + path, params=named, timeout=PATIENCE_S)


def test_a_function_that_takes_too_long_is_a_504_and_goes_on_until_its_own_end(probe: Emulator) -> None:
    answer = get(probe, sleep=30)
    assert (answer.status_code, answer.json()) == (504, {"message": "Endpoint request timed out"})
    assert get(probe).status_code == 200  # in the other environment


@pytest.mark.parametrize("how", ["exit", "raise", "malformed"])
def test_a_function_that_fails_is_a_502_and_the_next_request_is_served(probe: Emulator, how: str) -> None:
    answer = requests.get(f"{probe.url}/a?{how}=1", timeout=PATIENCE_S)
    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})
    assert get(probe).status_code == 200


def test_an_answer_of_more_than_six_megabytes_is_a_502(probe: Emulator) -> None:
    assert get(probe, bytes=6_000_000).status_code == 200
    assert get(probe, bytes=6_300_000).status_code == 502
    assert get(probe).status_code == 200


def test_an_environment_serves_one_request_at_a_time(probe: Emulator) -> None:
    asleep = threading.Thread(target=get, args=(probe,), kwargs={"sleep": 0.8})
    asleep.start()
    time.sleep(0.2)
    pids = {get(probe).json()["pid"] for _ in range(5)}
    asleep.join()
    assert len(pids) == 1
    assert probe.pools["Probe"].most == 2


def test_bytes_stay_bytes_where_the_media_type_is_declared_binary(probe: Emulator) -> None:
    every_byte = bytes(range(256))
    kept = requests.post(
        probe.url + "/a", every_byte, headers={"Content-Type": "image/png"}, timeout=PATIENCE_S
    )
    assert kept.json()["isBase64Encoded"] is True
    damaged = requests.post(
        probe.url + "/a", every_byte, headers={"Content-Type": "image/gif"}, timeout=PATIENCE_S
    )
    assert damaged.json()["isBase64Encoded"] is False
    assert "\ufffd" in damaged.json()["body"]
    wanted = requests.get(probe.url + "/a?binary=1", headers={"Accept": "image/png"}, timeout=PATIENCE_S)
    assert wanted.content == every_byte
    unwanted = requests.get(
        probe.url + "/a?binary=1", headers={"Accept": "text/html, image/png"}, timeout=PATIENCE_S
    )
    assert unwanted.text.startswith("AAEC")  # only the first of what is accepted counts


def test_the_event_says_what_was_asked(probe: Emulator) -> None:
    event = get(probe, "/a/%C3%A1%20b", q="x y").json()
    assert event["resource"] == "/a/{b}"
    assert event["pathParameters"] == {"b": "%C3%A1%20b"}
    assert event["queryStringParameters"] == {"q": "x y"}
    assert event["requestContext"]["path"] == "/try/a/%C3%A1%20b"
    assert get(probe, "/a/c").json()["resource"] == "/a/c"  # what is spelt out goes before a parameter
    repeated = requests.get(probe.url + "/a?q=1&q=2", timeout=PATIENCE_S).json()
    assert repeated["queryStringParameters"] == {"q": "2"}
    assert repeated["multiValueQueryStringParameters"] == {"q": ["1", "2"]}


def test_the_gateway_keeps_some_headers_for_itself(probe: Emulator) -> None:
    answer = get(probe, headers=1)
    assert answer.headers["x-amzn-Remapped-WWW-Authenticate"] == "Bearer"
    assert answer.headers["Set-Cookie"] == "a, b"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param("/elsewhere/a", "Forbidden", id="no such stage"),
        pytest.param("/try/b", "Missing Authentication Token", id="no such path"),
        pytest.param("/try/a/b/c", "Missing Authentication Token", id="too long a path"),
    ],
)
def test_what_is_not_there_is_a_403(probe: Emulator, path: str, message: str) -> None:
    answer = requests.get(probe.url.removesuffix("/try") + path, timeout=PATIENCE_S)
    assert (answer.status_code, answer.json()) == (403, {"message": message})
    assert requests.delete(probe.url + "/a", timeout=PATIENCE_S).status_code == 403


# --- the app ------------------------------------------------------------------------------------


def test_an_environment_that_dies_costs_one_request(package: Package, aws: Embedded, tmp_path: Path) -> None:
    with Emulator(package.sam, tmp_path, variables(aws), environments=1) as emulator:
        assert requests.get(emulator.url + "/health", timeout=PATIENCE_S).status_code == 200
        emulator.pools["APIHandler"].kill()
        assert requests.get(emulator.url + "/health", timeout=PATIENCE_S).status_code == 200
        with ThreadPoolExecutor(8) as pool:
            found = list(
                pool.map(
                    lambda _: requests.get(emulator.url + "/openapi.json", timeout=PATIENCE_S), range(24)
                )
            )
        assert {answer.status_code for answer in found} == {200}
        assert emulator.pools["APIHandler"].started == 2
