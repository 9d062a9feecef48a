"""Reads of a packaged SAM template what AWS would make of it: functions, API and schedules."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.template import rest_api

Json = dict[str, Any]

_FUNCTION = re.compile(r"\$\{(\w+)\.Arn\}/invocations")
_NUMBERED = re.compile(r"\$\{([\w:]+)\}")

ACCOUNT = "123456789012"
LOCAL = "api"
REGION = "us-east-1"


@dataclass(frozen=True)
class Function:
    """A Lambda function as the template declares it; `dead_letters` is the ARN of its queue, if any."""

    logical_id: str
    handler: str
    runtime: str
    timeout_s: int
    memory_mb: int
    code: Path
    variables: Mapping[str, str]
    retries: int
    dead_letters: str | None

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.logical_id}"


@dataclass(frozen=True)
class Schedule:
    """A rule of EventBridge that fires a function."""

    name: str
    expression: str
    function: str


@dataclass(frozen=True)
class Method:
    """One method of a route: a function's logical id, or the headers of a MOCK integration's 200."""

    function: str | None
    mock_headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GatewayAnswer:
    """How the gateway itself answers; without a status it keeps AWS's own."""

    status: int | None
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True)
class Template:
    """What the emulator serves. `answers`: the gateway's own, by AWS's name of the kind.

    Bodies of `compressed_bytes` and more are compressed for who takes gzip.
    """

    functions: Mapping[str, Function]
    routes: Mapping[str, Mapping[str, Method]]
    binary_types: frozenset[str]
    stage: str
    schedules: tuple[Schedule, ...]
    answers: Mapping[str, GatewayAnswer]
    compressed_bytes: int | None = None


def read(path: Path) -> Template:
    """Read sam.json. Raises KeyError or ValueError for what the emulator has no rule for."""
    template = json.loads(path.read_text(encoding="utf-8"))
    resources: Json = template["Resources"]
    shared = template.get("Globals", {}).get("Function", {})
    values = {name: str(of.get("Default", "")) for name, of in template.get("Parameters", {}).items()}
    values |= {"AWS::Partition": "aws", "AWS::AccountId": ACCOUNT, "AWS::Region": REGION}
    values |= {"AWS::URLSuffix": "amazonaws.com", "AWS::StackName": "rollcall"}
    functions = {
        name: _function(name, resource["Properties"], shared, values, path.parent)
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    [api] = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::Serverless::Api"]
    if api["StageName"] == LOCAL:  # packaged without the settings that `up` gives to the stages of the cloud
        api = {**rest_api(), **api}
    document = api["DefinitionBody"]
    return Template(
        functions=functions,
        routes={route: dict(_methods(methods)) for route, methods in document["paths"].items()},
        binary_types=frozenset(
            [*document.get("x-amazon-apigateway-binary-media-types", []), *api.get("BinaryMediaTypes", [])]
        ),
        stage=api["StageName"],
        schedules=tuple(_schedules(resources)),
        answers={
            kind: GatewayAnswer(
                int(answer["StatusCode"]) if "StatusCode" in answer else None,
                _literals(answer.get("ResponseParameters", {}).get("Headers", {})),
                answer["ResponseTemplates"]["application/json"],
            )
            for kind, answer in api.get("GatewayResponses", {}).items()
        },
        compressed_bytes=api.get("MinimumCompressionSize"),
    )


def _function(name: str, own: Json, shared: Json, values: Mapping[str, str], folder: Path) -> Function:
    def setting(key: str, default: Any) -> Any:
        return own.get(key, shared.get(key, default))

    variables = {
        **shared.get("Environment", {}).get("Variables", {}),
        **own.get("Environment", {}).get("Variables", {}),
    }
    later = setting("EventInvokeConfig", {})
    queue = setting("DeadLetterQueue", {}).get("TargetArn") or later.get("DestinationConfig", {}).get(
        "OnFailure", {}
    ).get("Destination")
    return Function(
        logical_id=name,
        handler=setting("Handler", None),
        runtime=setting("Runtime", None),
        timeout_s=int(setting("Timeout", 3)),
        memory_mb=int(setting("MemorySize", 128)),
        code=folder / setting("CodeUri", None),
        variables={key: resolve(value, values) for key, value in variables.items()},
        retries=int(later.get("MaximumRetryAttempts", 2)),
        dead_letters=resolve(queue, values) if queue else None,
    )


def resolve(value: Any, values: Mapping[str, str]) -> str:
    """Give an environment variable's or ARN's text; an attribute of a resource goes by its name."""
    match value:
        case {"Ref": str(name)}:
            return values.get(name, name)
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"{name}.{attribute}"
        case {"Fn::Sub": str(text)}:
            return _NUMBERED.sub(lambda found: values.get(found[1], found[1]), text)
        case str():
            return value
    raise ValueError(f"the emulator cannot resolve {value!r}")


def _methods(methods: Json) -> Iterator[tuple[str, Method]]:
    for verb, method in methods.items():
        if verb == "parameters":
            continue
        integration = method["x-amazon-apigateway-integration"]
        match integration["type"]:
            case "aws_proxy":
                [function] = _FUNCTION.findall(json.dumps(integration["uri"]))
                yield verb.upper(), Method(function)
            case "mock":
                answer = integration["responses"]["default"]
                prefix = "method.response.header."
                named = answer.get("responseParameters", {}).items()
                yield (
                    verb.upper(),
                    Method(None, _literals({key.removeprefix(prefix): value for key, value in named})),
                )
            case kind:
                raise ValueError(f"the emulator has no integration of type {kind}")


def _literals(headers: Mapping[str, str]) -> dict[str, str]:
    """Take the quotes off API Gateway's literal values: 'like this'."""
    return {name: value.removeprefix("'").removesuffix("'") for name, value in headers.items()}


def _schedules(resources: Json) -> Iterator[Schedule]:
    for function, resource in resources.items():
        for name, event in resource.get("Properties", {}).get("Events", {}).items():
            if resource["Type"] == "AWS::Serverless::Function" and event["Type"].startswith("Schedule"):
                properties = event["Properties"]
                expression = properties.get("Schedule") or properties["ScheduleExpression"]
                yield Schedule(name, expression, function)
