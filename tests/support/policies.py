"""The policies of the functions, and what they allow."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

from infra.policies import Document, documents
from infra.stage import Stage
from tests.support.recorder import Call

FOLDER: Final = Path(__file__).resolve().parents[2] / ".chalice"


class Grant(NamedTuple):
    """One action on one resource that a policy allows."""

    action: str
    resource: str

    def allows(self, call: Call) -> bool:
        """Say whether a call is one of those."""
        return self.action == call.action and fnmatchcase(call.resource, self.resource)


class Denial(NamedTuple):
    """One action on the items of a table whose partition keys match, which a policy refuses."""

    action: str
    resource: str
    keys: str

    def refuses(self, call: Call) -> bool:
        """Say whether a call is one of those."""
        allowed = Grant(self.action, self.resource).allows(call)
        return allowed and fnmatchcase(call.key, self.keys)


def functions() -> dict[str, str]:
    """Give the policy file's end of each function of the app, as .chalice/config.json must have it."""
    from app import app  # only now: at its import it reads the environment

    schedules = [source.name for source in app.event_sources]
    return {"api_handler": "", **{name: f"-{name}" for name in schedules}}


def grants(stage: str, function: str, *, of: str | None = None) -> list[Grant]:
    """Read what a stage's policy file allows a function; with another stage's names if `of` says one."""
    return of_document(_document(stage, function, of))


def denials(stage: str, function: str, *, of: str | None = None) -> list[Denial]:
    """Read what a stage's policy file refuses a function, whatever it allows."""
    statements = _document(stage, function, of)["Statement"]
    return [
        Denial(
            statement["Action"],
            statement["Resource"],
            statement["Condition"]["ForAnyValue:StringLike"]["dynamodb:LeadingKeys"],
        )
        for statement in statements
        if statement["Effect"] == "Deny"
    ]


def _document(stage: str, function: str, of: str | None) -> Document:
    text = (FOLDER / f"policy-{stage}{functions()[function]}.json").read_text(encoding="utf-8")
    found: Document = json.loads(text.replace(f"rollcall-{stage}", f"rollcall-{of or stage}"))
    return found


def deployed_grants(stage: Stage, function: str) -> list[Grant]:
    """Return what a function's role allows once a stage is deployed."""
    parameters = {
        "AWS::Partition": stage.partition,
        "AWS::Region": stage.region,
        "BucketSuffix": stage.bucket_suffix,
        "RoleSuffix": stage.role_suffix,
    }
    return of_document(documents(stage.name, stage.account, parameters)[function])


def of_document(document: Document) -> list[Grant]:
    """Return what a policy allows."""
    assert document["Version"] == "2012-10-17"
    return [
        grant
        for statement in document["Statement"]
        if statement["Effect"] != "Deny"
        for grant in _of(statement)
    ]


def _of(statement: dict[str, str | list[str]]) -> Iterator[Grant]:
    assert statement["Effect"] == "Allow"
    for action in _listed(statement["Action"]):
        for resource in _listed(statement["Resource"]):
            yield Grant(action, resource)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def refused(calls: set[Call], granted: list[Grant]) -> list[Call]:
    """Give the calls that no grant allows."""
    return sorted(call for call in calls if not any(grant.allows(call) for grant in granted))
