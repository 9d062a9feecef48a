"""What Amazon S3 checks of a browser's request and moto does not: presigned URLs, POST policies, CORS."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import msgspec

from local.liveness.signing import Credentials

SKEW = timedelta(minutes=15)
LONGEST_S = 7 * 86_400

# Query parameters that are part of what a version 2 signature signs.
_SIGNED_V2 = {
    "acl", "cors", "delete", "lifecycle", "location", "logging", "notification", "partNumber", "policy",
    "requestPayment", "response-cache-control", "response-content-disposition", "response-content-encoding",
    "response-content-language", "response-content-type", "response-expires", "tagging", "torrent",
    "uploadId", "uploads", "versionId", "versioning", "versions", "website", "x-amz-security-token",
}  # fmt: skip

# Form fields that a POST policy need not mention.
_FREE_FIELDS = {"awsaccesskeyid", "signature", "x-amz-signature", "policy", "file", "submit"}


Lookup = Callable[[str], Credentials | None]


class S3Refusal(Exception):
    """An answer in S3's XML: `status`, `code` and a message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def _denied(message: str = "Access Denied") -> S3Refusal:
    return S3Refusal(403, "AccessDenied", message)


def _mismatch() -> S3Refusal:
    return S3Refusal(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
    )


def _sha256(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key(secret: str, scope: Sequence[str]) -> bytes:
    """Derive AWS's version 4 key; `scope` is date, region, service."""
    key = f"AWS4{secret}".encode()
    for part in [*scope, "aws4_request"]:
        key = _sha256(key, part)
    return key


def _credentials(lookup: Lookup, access_key: str, token: str | None) -> Credentials:
    found = lookup(access_key)
    if found is None:
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise S3Refusal(403, "InvalidAccessKeyId", message)
    if found.token is not None and not hmac.compare_digest(found.token, token or ""):
        raise S3Refusal(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    return found


def _instant(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _denied("X-Amz-Date must be in the ISO8601 Long Format") from None


def check_presigned(
    method: str, path: str, query: str, headers: Message, lookup: Lookup, now: datetime
) -> bool:
    """Check a presigned URL, version 4 or 2; False if the URL carries no signature.

    `path` is percent-encoded as it was sent. Raises S3Refusal if it is expired, altered or unknown.
    """
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    if "X-Amz-Signature" in given:
        _check_v4(method, path, pairs, headers, lookup, now)
        return True
    if "Signature" in given and "AWSAccessKeyId" in given:
        _check_v2(method, path, given, headers, lookup, now)
        return True
    return False


def _check_v4(
    method: str, path: str, pairs: list[tuple[str, str]], headers: Message, lookup: Lookup, now: datetime
) -> None:
    given = dict(pairs)
    access_key, *scope = given.get("X-Amz-Credential", "").split("/")
    lifetime = given.get("X-Amz-Expires", "")
    if len(scope) != 4 or given.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256" or not lifetime.isdecimal():
        raise S3Refusal(
            400, "AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential or X-Amz-Expires"
        )
    if int(lifetime) > LONGEST_S:
        raise S3Refusal(
            400, "AuthorizationQueryParametersError", "X-Amz-Expires must be less than a week (in seconds)"
        )
    known = _credentials(lookup, access_key, given.get("X-Amz-Security-Token"))
    signed_at = _instant(given.get("X-Amz-Date", ""))
    if signed_at - SKEW > now:
        raise _denied("Request is not valid yet")
    if signed_at + timedelta(seconds=int(lifetime)) < now:
        raise _denied("Request has expired")
    names = given.get("X-Amz-SignedHeaders", "").split(";")
    encoded = sorted(
        (quote(name, safe="~"), quote(value, safe="~")) for name, value in pairs if name != "X-Amz-Signature"
    )
    canonical = "\n".join(
        [
            method,
            quote(unquote(path), safe="/~"),
            "&".join(f"{name}={value}" for name, value in encoded),
            *(f"{name}:{' '.join((headers.get(name) or '').split())}" for name in names),
            "",
            ";".join(names),
            headers.get("x-amz-content-sha256") or "UNSIGNED-PAYLOAD",
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", given["X-Amz-Date"], "/".join(scope), digest])
    expected = _sha256(signing_key(known.secret, scope[:3]), text).hex()
    if not hmac.compare_digest(expected, given["X-Amz-Signature"]):
        raise _mismatch()


def _check_v2(
    method: str, path: str, given: Mapping[str, str], headers: Message, lookup: Lookup, now: datetime
) -> None:
    known = _credentials(lookup, given["AWSAccessKeyId"], given.get("x-amz-security-token"))
    expires = given.get("Expires", "")
    if not expires.isdecimal():
        raise _denied(
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        )
    if int(expires) < now.timestamp():
        raise _denied("Request has expired")
    amz = {name.lower(): value for name, value in headers.items() if name.lower().startswith("x-amz-")}
    parts = [
        name if given[name] == "" else f"{name}={given[name]}" for name in sorted(given) if name in _SIGNED_V2
    ]
    resource = path + ("?" + "&".join(parts) if parts else "")
    text = "\n".join(
        [
            method,
            headers.get("Content-MD5") or "",
            headers.get("Content-Type") or "",
            expires,
            *(f"{name}:{amz[name].strip()}" for name in sorted(amz)),
            resource,
        ]
    )
    # SHA-1 is what version 2 signs with.
    expected = base64.b64encode(hmac.new(known.secret.encode(), text.encode(), hashlib.sha1).digest())
    if not hmac.compare_digest(expected, given["Signature"].encode()):
        raise _mismatch()


def check_post(bucket: str, fields: Mapping[str, str], size: int, lookup: Lookup, now: datetime) -> None:
    """Check a browser's form upload against the policy it carries; `size` is the file's in bytes.

    Raises S3Refusal if there is no policy, if it is altered or expired, or if the form breaks it.
    """
    form = {name.lower(): value for name, value in fields.items()}
    if "policy" not in form:
        raise _denied()
    known = _check_form_signature(form, lookup)
    try:
        policy = msgspec.json.decode(base64.b64decode(form["policy"], validate=True), type=_Policy)
        expires = datetime.fromisoformat(policy.expiration)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise S3Refusal(400, "InvalidPolicyDocument", "Invalid Policy: Invalid JSON.") from None
    if known.token is not None and form.get("x-amz-security-token") is None:
        raise _denied()
    if expires.replace(tzinfo=expires.tzinfo or UTC) < now:
        raise _denied("Invalid according to Policy: Policy expired.")
    form["bucket"] = bucket
    named = {"bucket"}
    for condition in policy.conditions:
        named |= _check_condition(condition, form, size)
    extra = sorted(
        name for name in form if name not in named | _FREE_FIELDS and not name.startswith("x-ignore-")
    )
    if extra:
        raise _denied(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")


class _Policy(msgspec.Struct):
    expiration: str
    conditions: list[Any]


def _check_form_signature(form: Mapping[str, str], lookup: Lookup) -> Credentials:
    token = form.get("x-amz-security-token")
    if "x-amz-signature" in form:
        access_key, *scope = form.get("x-amz-credential", "").split("/")
        if len(scope) != 4:
            raise S3Refusal(400, "InvalidArgument", "X-Amz-Credential is malformed")
        known = _credentials(lookup, access_key, token)
        expected = _sha256(signing_key(known.secret, scope[:3]), form["policy"]).hex()
        given = form["x-amz-signature"]
    else:
        known = _credentials(lookup, form.get("awsaccesskeyid", ""), token)
        digest = hmac.new(known.secret.encode(), form["policy"].encode(), hashlib.sha1).digest()
        expected, given = base64.b64encode(digest).decode(), form.get("signature", "")
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise _mismatch()
    return known


def _check_condition(condition: Any, form: Mapping[str, str], size: int) -> set[str]:
    failed = _denied(
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
    """Give the CORS headers of the first rule that fits; None if no rule lets this origin do this.

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
