"""Checks that Amazon S3 makes and moto does not: presigned URLs, POST policies, CORS."""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

import msgspec

from local.aws import sigv4
from local.aws.authentication import SKEW, unsigned_headers
from local.aws.sigv4 import Credentials, Lookup

LONGEST_S = 7 * 86_400
ANY_CALL = "s3:*"
"""The action that all calls of S3 are, to those who ask what temporary credentials may do."""

# Form fields that a POST policy need not mention.
_FREE_FIELDS = {"x-amz-signature", "policy", "file", "submit"}


class S3Refusal(Exception):
    """An answer in S3's XML: `status`, `code` and a message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def denied(message: str = "Access Denied") -> S3Refusal:
    """Return the refusal of a call that its caller may not make."""
    return S3Refusal(403, "AccessDenied", message)


def _malformed(message: str) -> S3Refusal:
    return S3Refusal(400, "AuthorizationQueryParametersError", message)


def _version_2() -> S3Refusal:
    message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
    return S3Refusal(400, "InvalidRequest", message)


def _mismatch() -> S3Refusal:
    return S3Refusal(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
    )


def _credentials(lookup: Lookup, access_key: str, token: str | None) -> Credentials:
    found = lookup(access_key)
    if found is None:
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise S3Refusal(403, "InvalidAccessKeyId", message)
    if not found.accepts_token(token):
        raise S3Refusal(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    return found


def check_presigned(
    method: str, path: str, query: str, headers: Message, lookup: Lookup, now: datetime
) -> bool:
    """Check a presigned URL; False if the URL carries no signature.

    `path` is percent-encoded as it was sent. Raises S3Refusal if it is expired, altered or unknown.
    """
    pairs = sigv4.parse_query(query)
    given = dict(pairs)
    if "AWSAccessKeyId" in given:
        raise _version_2()
    if "X-Amz-Signature" not in given:
        return False
    lifetime = given.get("X-Amz-Expires", "")
    if given.get("X-Amz-Algorithm") != sigv4.ALGORITHM or not lifetime.isdecimal():
        raise _malformed("X-Amz-Algorithm only supports AWS4-HMAC-SHA256 with X-Amz-Expires in seconds")
    try:
        access_key, scope = sigv4.parse_credential(given.get("X-Amz-Credential", ""))
    except ValueError:
        raise _malformed("Error parsing the X-Amz-Credential parameter") from None
    if scope.service != "s3":
        raise _malformed("Error parsing the X-Amz-Credential parameter; incorrect service")
    if int(lifetime) > LONGEST_S:
        raise _malformed("X-Amz-Expires must be less than a week (in seconds)")
    known = _credentials(lookup, access_key, given.get("X-Amz-Security-Token"))
    date = given.get("X-Amz-Date", "")
    try:
        signed_at = sigv4.parse_time(date)
    except ValueError:
        raise denied("X-Amz-Date must be in the ISO8601 Long Format") from None
    if signed_at - SKEW > now:
        raise denied("Request is not valid yet")
    if signed_at + timedelta(seconds=int(lifetime)) < now:
        raise denied("Request has expired")
    names = given.get("X-Amz-SignedHeaders", "").split(";")
    if missing := unsigned_headers(headers, names):
        raise denied(f"There were headers present in the request which were not signed: {', '.join(missing)}")
    expected = sigv4.request_signature(
        scope.key(known.secret),
        scope,
        date,
        method,
        path,
        [pair for pair in pairs if pair[0] != "X-Amz-Signature"],
        [(name, headers.get(name) or "") for name in names],
        headers.get("x-amz-content-sha256") or sigv4.UNSIGNED,
    )
    if not hmac.compare_digest(expected.encode(), given["X-Amz-Signature"].encode()):
        raise _mismatch()
    if not known.allows(ANY_CALL):
        raise denied()
    return True


def check_post(bucket: str, fields: Mapping[str, str], size: int, lookup: Lookup, now: datetime) -> None:
    """Check a browser's form upload against the policy it carries; `size` is the file's in bytes.

    Raises S3Refusal if there is no policy, if it is altered or expired, or if the form breaks it.
    """
    form = {name.lower(): value for name, value in fields.items()}
    if "policy" not in form:
        raise denied()
    known = _check_form_signature(form, lookup)
    try:
        policy = msgspec.json.decode(base64.b64decode(form["policy"], validate=True), type=_Policy)
        expires = datetime.fromisoformat(policy.expiration)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise S3Refusal(400, "InvalidPolicyDocument", "Invalid Policy: Invalid JSON.") from None
    if known.token is not None and form.get("x-amz-security-token") is None:
        raise denied()
    if expires.replace(tzinfo=expires.tzinfo or UTC) < now:
        raise denied("Invalid according to Policy: Policy expired.")
    form["bucket"] = bucket
    named = {"bucket"}
    for condition in policy.conditions:
        named |= _check_condition(condition, form, size)
    extra = sorted(
        name for name in form if name not in named | _FREE_FIELDS and not name.startswith("x-ignore-")
    )
    if extra:
        raise denied(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")


class _Policy(msgspec.Struct):
    expiration: str
    conditions: list[Any]


def _check_form_signature(form: Mapping[str, str], lookup: Lookup) -> Credentials:
    if "awsaccesskeyid" in form:
        raise _version_2()
    try:
        access_key, scope = sigv4.parse_credential(form.get("x-amz-credential", ""))
    except ValueError as error:
        raise S3Refusal(400, "InvalidArgument", str(error)) from None
    known = _credentials(lookup, access_key, form.get("x-amz-security-token"))
    expected = sigv4.sign(scope.key(known.secret), form["policy"]).hex()
    if not hmac.compare_digest(expected.encode(), form.get("x-amz-signature", "").encode()):
        raise _mismatch()
    if not known.allows(ANY_CALL):
        raise denied()
    return known


def _check_condition(condition: Any, form: Mapping[str, str], size: int) -> set[str]:
    failed = denied(
        f"Invalid according to Policy: Policy Condition failed: {msgspec.json.encode(condition).decode()}"
    )
    match condition:
        case dict() if condition:
            exact = {str(name).lower(): value for name, value in condition.items()}
            if any(form.get(name) != value for name, value in exact.items()):
                raise failed
            return set(exact)
        case [str() as kind, int() as low, int() as high] if kind.lower() == "content-length-range":
            if size < low:
                message = "Your proposed upload is smaller than the minimum allowed size"
                raise S3Refusal(400, "EntityTooSmall", message)
            if size > high:
                raise S3Refusal(
                    400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"
                )
            return set()
        case [str() as kind, str() as field, str() as value] if kind.lower() in {"eq", "starts-with"}:
            name = field.removeprefix("$").lower()
            found = form.get(name, "")
            if not (found == value if kind.lower() == "eq" else found.startswith(value)):
                raise failed
            return {name}
    raise S3Refusal(400, "InvalidPolicyDocument", "Invalid Policy: Invalid Condition.")


def _texts(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _fits(pattern: str, text: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)


def cors_headers(
    rules: Iterable[Any], origin: str, method: str, wanted: str = ""
) -> list[tuple[str, str]] | None:
    """Return the CORS headers of the first rule that matches; None if no rule allows the request.

    `rules` are moto's; `wanted` is a preflight's Access-Control-Request-Headers.
    """
    names = [name.strip().lower() for name in wanted.split(",") if name.strip()]
    for rule in rules:
        allowed = [pattern.lower() for pattern in _texts(rule.allowed_headers)]
        origins = _texts(rule.allowed_origins)
        if method not in _texts(rule.allowed_methods) or not any(_fits(o, origin) for o in origins):
            continue
        if not all(any(_fits(pattern, name) for pattern in allowed) for name in names):
            continue
        any_origin = "*" in origins
        headers = [
            ("Access-Control-Allow-Origin", "*" if any_origin else origin),
            ("Access-Control-Allow-Methods", ", ".join(_texts(rule.allowed_methods))),
            ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
        ]
        if not any_origin:
            headers.append(("Access-Control-Allow-Credentials", "true"))
        if names:
            headers.append(("Access-Control-Allow-Headers", ", ".join(names)))
        if exposed := _texts(rule.exposed_headers):
            headers.append(("Access-Control-Expose-Headers", ", ".join(exposed)))
        if rule.max_age_seconds is not None:
            headers.append(("Access-Control-Max-Age", str(rule.max_age_seconds)))
        return headers
    return None
