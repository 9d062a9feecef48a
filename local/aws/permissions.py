"""What temporary credentials may do: what the policies of their role and of their session both allow.

The rules of IAM are cut down to what a laptop needs, and so that they never allow more than IAM does. A
statement allows only where it names its actions, has no condition and is for all resources; it denies for
any resources and conditions. Calls of S3 are one action, `s3:*`.
"""

import fnmatch
import json
from collections.abc import Iterable, Mapping
from typing import Any

from moto.iam.models import Role, iam_backends
from moto.sts.models import AssumedRole

_FREE = {"sts:GetCallerIdentity"}  # IAM lets everybody ask who they are


def allows(session: AssumedRole, action: str) -> bool:
    """Return whether the credentials of an assumed role may carry out an action, such as `dynamodb:Scan`."""
    if action in _FREE:
        return True
    policies = [_of_role(session)]
    if session.policy:
        policies.append([session.policy])
    return all(_allowed(documents, action) for documents in policies)


def _of_role(session: AssumedRole) -> list[str]:
    roles: Mapping[str, Role] = iam_backends[session.account_id][session.partition].roles
    role = next((role for role in roles.values() if role.arn == session.role_arn), None)
    if role is None:
        return []
    managed = [
        version.document
        for policy in role.managed_policies.values()
        for version in policy.versions
        if version.is_default
    ]
    return [*role.policies.values(), *managed]


def _allowed(documents: Iterable[str], action: str) -> bool:
    statements: list[dict[str, Any]] = []
    for document in documents:
        found = json.loads(document)["Statement"]
        statements += found if isinstance(found, list) else [found]
    concerned = [statement for statement in statements if _concerns(statement, action)]
    if any(statement["Effect"] != "Allow" for statement in concerned):
        return False
    return any("*" in _listed(statement.get("Resource")) for statement in concerned if _is_plain(statement))


def _concerns(statement: Mapping[str, Any], action: str) -> bool:
    action, allow = action.lower(), statement["Effect"] == "Allow"
    if "Action" not in statement:  # NotAction, which here allows nothing and denies everything
        return not allow
    return any(
        fnmatch.fnmatchcase(action, pattern) or (not allow and fnmatch.fnmatchcase(pattern, action))
        for pattern in map(str.lower, _listed(statement["Action"]))
    )


def _is_plain(statement: Mapping[str, Any]) -> bool:
    return statement.keys() <= {"Sid", "Effect", "Action", "Resource"}


def _listed(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)
