"""Who calls the AWS port: the signature in the header `Authorization`, and how each service refuses it."""

import hashlib
import hmac
from datetime import datetime, timedelta
from email.message import Message
from enum import Enum
from typing import Final, NamedTuple
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import msgspec

from local.aws import sigv4
from local.aws.sigv4 import Lookup, Scope
from local.httpserver import Request, Response

SKEW: Final = timedelta(minutes=15)
"""How far a caller's clock may be from this one."""

_QUERY_VERSIONS: Final = {"2010-05-08": "iam", "2011-06-15": "sts"}
_TARGETS: Final = {"DynamoDB_20120810": "dynamodb", "RekognitionService": "rekognition"}


class Reason(Enum):
    """Why a call is refused: the codes of S3, of the services that speak JSON, and of STS and IAM."""

    MISSING = ("AccessDenied", "MissingAuthenticationTokenException", "MissingAuthenticationToken")
    INCOMPLETE = ("AuthorizationHeaderMalformed", "IncompleteSignatureException", "IncompleteSignature")
    UNKNOWN_KEY = ("InvalidAccessKeyId", "UnrecognizedClientException", "InvalidClientTokenId")
    WRONG_TOKEN = ("InvalidToken", "UnrecognizedClientException", "InvalidClientTokenId")
    CLOCK = ("RequestTimeTooSkewed", "InvalidSignatureException", "SignatureDoesNotMatch")
    MISMATCH = ("SignatureDoesNotMatch", "InvalidSignatureException", "SignatureDoesNotMatch")
    BODY = ("XAmzContentSHA256Mismatch", "InvalidSignatureException", "SignatureDoesNotMatch")
    DENIED = ("AccessDenied", "AccessDeniedException", "AccessDenied")


_S3_400: Final = {Reason.INCOMPLETE, Reason.WRONG_TOKEN, Reason.BODY}
_MESSAGES: Final = {
    Reason.MISSING: "Request is missing Authentication Token",
    Reason.UNKNOWN_KEY: "The security token included in the request is invalid.",
    Reason.WRONG_TOKEN: "The security token included in the request is invalid.",
    Reason.CLOCK: "The difference between the request time and the current time is too large.",
    Reason.MISMATCH: (
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method."
    ),
    Reason.BODY: "The provided 'x-amz-content-sha256' header does not match what was computed.",
}


class Refused(Exception):
    """A call is refused. The message may be shown to the caller."""

    def __init__(self, reason: Reason, message: str = "") -> None:
        super().__init__(message or _MESSAGES[reason])
        self.reason = reason


class Call(NamedTuple):
    """What a request asks for: `action` is one of the service, such as `Scan`; all calls of S3 are `*`."""

    service: str
    region: str
    action: str


def parse_call(request: Request, region: str) -> Call:
    """Say what a request asks for, in `region` unless its signature names one.

    A request with a target belongs to the target's service, whatever its signature says.
    """
    prefix, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
    scope = _claimed_scope(request)
    if prefix in _TARGETS:
        return Call(_TARGETS[prefix], scope.region if scope else region, operation)
    if scope and scope.service not in _QUERY_VERSIONS.values():
        return Call(scope.service, scope.region, "*")
    form = request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
    fields = parse_qs(request.body.decode("latin-1") if form else request.query)
    service = scope.service if scope else _QUERY_VERSIONS.get(fields.get("Version", [""])[0], "s3")
    return Call(service, scope.region if scope else region, fields.get("Action", ["*"])[0])


def authenticate(request: Request, call: Call, lookup: Lookup, now: datetime) -> None:
    """Verify the header `Authorization` of a request, and that its caller may make this call.

    A body in signed chunks is believed after its first signature: that one proves who sends it, and between
    two programs on one machine nobody changes the rest. Raises Refused.
    """
    service, header = call.service, request.headers.get("Authorization")
    if header is None:
        raise Refused(Reason.MISSING)
    fields = _fields(header)
    try:
        access_key, scope = sigv4.parse_credential(fields.get("Credential", ""))
        date = request.headers.get("X-Amz-Date", "")
        signed_at = sigv4.parse_time(date)
        names, given = fields["SignedHeaders"].split(";"), fields["Signature"]
    except KeyError as error:
        raise Refused(Reason.INCOMPLETE, f"Authorization header requires {error} parameter.") from None
    except ValueError as error:
        raise Refused(Reason.INCOMPLETE, f"{error}.") from None
    if (scope.service, scope.day) != (service, date[:8]):
        message = f"Credential should be scoped to the service '{service}' and the day of the request."
        raise Refused(Reason.INCOMPLETE if service == "s3" else Reason.MISMATCH, message)
    known = lookup(access_key)
    if known is None:
        raise Refused(Reason.UNKNOWN_KEY)
    if not known.accepts_token(request.headers.get("X-Amz-Security-Token")):
        raise Refused(Reason.WRONG_TOKEN)
    if abs(now - signed_at) > SKEW:
        raise Refused(Reason.CLOCK)
    if missing := unsigned_headers(request.headers, names):
        message = f"There were headers present in the request which were not signed: {', '.join(missing)}"
        raise Refused(Reason.DENIED if service == "s3" else Reason.MISMATCH, message)
    expected = sigv4.request_signature(
        scope.key(known.secret),
        scope,
        date,
        request.method,
        request.path,
        sigv4.parse_query(request.query),
        [(name, ",".join(request.headers.get_all(name) or [])) for name in names],
        _payload(request, service),
    )
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise Refused(Reason.MISMATCH)
    if not known.allows(action := f"{service}:{call.action}"):
        raise Refused(Reason.DENIED, f"The caller is not authorized to perform: {action}")


def unsigned_headers(headers: Message, signed: list[str]) -> list[str]:
    """Return the headers of a request that a signature must cover and these names do not."""
    required = {name.lower() for name in headers if name.lower().startswith("x-amz-")} | {"host"}
    return sorted(required - set(signed))


def refusal(service: str, refused: Refused) -> Response:
    """Refuse a call in the form of its service."""
    s3_code, json_code, query_code = refused.reason.value
    message = str(refused)
    match service:
        case "s3":
            body = f"<Error><Code>{s3_code}</Code><Message>{escape(message)}</Message></Error>"
            return _xml(400 if refused.reason in _S3_400 else 403, body)
        case "sts" | "iam":
            error = f"<Type>Sender</Type><Code>{query_code}</Code><Message>{escape(message)}</Message>"
            body = f"<ErrorResponse><Error>{error}</Error><RequestId>local</RequestId></ErrorResponse>"
            return _xml(400 if refused.reason is Reason.INCOMPLETE else 403, body)
    content = msgspec.json.encode({"__type": f"com.amazon.coral.service#{json_code}", "message": message})
    return Response(400, [("Content-Type", "application/x-amz-json-1.1")], content)


def _xml(status: int, body: str) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'
    return Response(status, [("Content-Type", "application/xml")], text.encode())


def _payload(request: Request, service: str) -> str:
    """Return what stands for the body in the text that is signed."""
    digest = hashlib.sha256(request.body).hexdigest()
    given = request.headers.get("X-Amz-Content-Sha256", digest)
    if service != "s3" or given == digest:
        return digest
    if given == sigv4.UNSIGNED or given.startswith("STREAMING-"):
        return given
    raise Refused(Reason.BODY)


def _fields(header: str) -> dict[str, str]:
    algorithm, _, rest = header.partition(" ")
    if algorithm != sigv4.ALGORITHM:
        return {}
    split = (part.strip().partition("=") for part in rest.split(","))
    return {name: value for name, _, value in split}


def _claimed_scope(request: Request) -> Scope | None:
    fields = _fields(request.headers.get("Authorization", ""))
    try:
        return sigv4.parse_credential(fields.get("Credential", ""))[1]
    except ValueError:
        return None
