"""The embedded AWS: a loopback port for DynamoDB, S3, STS, IAM and Rekognition, two for liveness streams."""

import tempfile
import threading
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import boto3
import msgspec
from moto.core.common_models import BaseModel
from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse
from moto.s3.models import FakeKey, s3_backends
from moto.sts.models import AssumedRole, sts_backends
from moto.sts.responses import TokenResponse

from chalicelib.config import ANY, web_origins
from local import weights
from local.admission import Admission
from local.aws import permissions, resources
from local.aws.authentication import Refused, authenticate, parse_call, refusal
from local.aws.dynamodb.service import Change, Dynamo
from local.aws.keys import AccessKey, make_key
from local.aws.s3 import S3, call_moto, environ
from local.aws.sigv4 import Credentials
from local.aws.storage import StateDamaged, Storage
from local.httpserver import Request, Response, Server
from local.liveness.developer_routes import DeveloperRoutes
from local.liveness.sessions import Sessions
from local.liveness.stream import StreamServer
from local.rekognition.engine import Engine
from local.rekognition.exceptions import InvalidS3ObjectException
from local.rekognition.models import Faces
from local.rekognition.urls import RekognitionApp

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"

_SWEEP_S = 60
_LARGEST = 128 * 1024 * 1024


def _unlisted(cls: type[BaseModel], *_: Any, **__: Any) -> BaseModel:
    return object.__new__(cls)


# moto lists every instance it ever makes, for a page that is not served here: replaced items, deleted objects
# and ended credentials would stay in memory for the life of the process.
BaseModel.__new__ = staticmethod(_unlisted)  # type: ignore[method-assign]
# So deleted objects end as garbage, which moto warns of: a reset, by its list, was to end them.
FakeKey.__del__ = FakeKey.dispose  # type: ignore[method-assign]


class Embedded:
    """An AWS of one account in this process.

    `state` keeps table, photos and faces across restarts; None keeps nothing. `key` is the account's access
    key; without one, a key is made that lasts as long as this. Ports may be 0. Raises OSError for a taken
    port, StateDamaged and WeightsError as they say. moto's S3, IAM and STS are one per process, so only one
    of these can run at a time.
    """

    def __init__(
        self,
        state: Path | None = None,
        host: str = "127.0.0.1",
        aws_port: int = 0,
        stream_port: int = 0,
        stream_tls_port: int = 0,
        *,
        key: AccessKey | None = None,
        stage: str = "local",
        origins: str = ANY,
        models: Path | None = None,
        admission: Admission | None = None,
        verbose: bool = False,
        engine: Engine | None = None,
    ) -> None:
        self.key: Final = key or make_key()
        self._stage = stage
        self._origins = ",".join(web_origins(origins))
        self._stop = threading.Event()
        self._sweeper = threading.Thread(target=self._keep_sweeping, daemon=True, name="sweep")
        self._making = threading.Lock()  # boto3's sessions are not for several threads at once
        self._session = boto3.session.Session(
            aws_access_key_id=self.key.id, aws_secret_access_key=self.key.secret, region_name=REGION
        )
        self.engine = engine or Engine(models or weights.models_folder())
        self._storage = Storage(state) if state else None
        self.dynamo = Dynamo(ACCOUNT, self._save if self._storage else None)
        self.s3 = S3(ACCOUNT, self._storage, self.credentials_for)
        self.faces = Faces(state / "faces.db" if state else ":memory:")
        self.sessions = Sessions(put_object=self._put_image)
        self._developer_routes = DeveloperRoutes(self.sessions, self.engine, stage)
        self._rekognition = RekognitionApp(
            self.faces,
            self.engine,
            self._read_object,
            region=REGION,
            extra={
                "CreateFaceLivenessSession": self.sessions.create,
                "GetFaceLivenessSessionResults": self.sessions.results,
            },
        )
        admission = admission or Admission(host)
        self._server = Server(
            host,
            aws_port,
            self.handle,
            _error_response,
            limit=_LARGEST,
            admission=admission,
            verbose=verbose,
        )
        # The stream keeps its certificate with the state; without one, for as long as this lives.
        self._scratch = None if state else tempfile.TemporaryDirectory(prefix="rollcall-")
        self._stream = StreamServer(
            self.sessions,
            self.engine,
            self.credentials_for,
            REGION,
            host,
            stream_port,
            stream_tls_port,
            Path(self._scratch.name) if self._scratch else state or Path(),
            admission,
        )

    @property
    def aws_url(self) -> str:
        """The endpoint of every service."""
        return self._server.url

    @property
    def stream_url(self) -> str:
        """The endpoint of liveness streams, once started."""
        return self._stream.url

    @property
    def stream_tls_url(self) -> str:
        """The same over TLS."""
        return self._stream.tls_url

    def start(self) -> None:
        """Serve, create the stage's resources and load the saved state."""
        try:
            self._stream.start()
        except BaseException:
            self._server.stop()
            raise
        for backends in (s3_backends, iam_backends, sts_backends):
            backends[ACCOUNT]["aws"].reset()  # of one that ran in this process before
        self._server.start()
        resources.make(self._stage, self.client, ACCOUNT, origins=self._origins)
        if self._storage:
            self._load(self._storage)
        self._sweeper.start()

    def stop(self) -> None:
        """Stop serving and close the state's files."""
        self._stop.set()
        if self._sweeper.is_alive():
            self._sweeper.join(2)  # it must not find its files closed
        self._server.stop()
        self._stream.stop()
        self.faces.close()
        if self._scratch:
            self._scratch.cleanup()
        if self._storage:
            with self.dynamo.lock:
                self._storage.close()

    def reset(self) -> None:
        """Delete every item, object and face. Table, bucket and collections stay."""
        self.dynamo.clear()
        self.s3.clear()
        for _, collection_id in self.faces.collections(0, 1000):
            self.faces.delete_collection(collection_id)
            self.faces.create_collection(collection_id)
        if self._storage:
            self._storage.clear()

    def client(self, service: str, **settings: Any) -> Any:
        """Return a boto3 client of this AWS that ignores the user's own AWS settings."""
        with self._making:
            return self._session.client(service, endpoint_url=self.aws_url, **settings)  # type: ignore[call-overload]

    def credentials_for(self, access_key: str) -> Credentials | None:
        """Return the credentials of an access key: the account's, or one that STS issued and still valid."""
        if access_key == self.key.id:
            return Credentials(self.key.secret)
        role = sts_backends[ACCOUNT]["aws"].get_assumed_role_from_access_key(access_key)
        if role is None or _ended(role, datetime.now(UTC)):
            return None
        return Credentials(
            role.secret_access_key, role.session_token, lambda action: permissions.allows(role, action)
        )

    def sweep(self, now: datetime) -> None:
        """Delete what has expired by `now`: items, temporary credentials and liveness sessions.

        What is left in the files of anything that was deleted goes, too.
        """
        self.dynamo.sweep(now.timestamp())
        self.sessions.sweep(now)
        roles = sts_backends[ACCOUNT]["aws"].assumed_roles  # moto keeps them, and their keys, for good
        for role in [role for role in roles if _ended(role, now)]:
            roles.remove(role)  # one by one: others may be added meanwhile
            iam_backends[ACCOUNT]["aws"].access_keys.pop(role.access_key_id, None)
        self.faces.scrub()
        if self._storage:
            self._storage.scrub()

    def handle(self, request: Request) -> Response:
        """Serve one request to the AWS port."""
        if response := self._developer_routes.handle(request):
            return response
        call = parse_call(request, REGION)
        if call.service == "s3":
            return self.s3.handle(request)
        try:
            authenticate(request, call, self.credentials_for, datetime.now(UTC))
        except Refused as refused:
            return refusal(call.service, refused)
        match call.service:
            case "dynamodb":
                return self._call_dynamodb(call.region, call.action, request.body)
            case "rekognition":
                return _wsgi(self._rekognition, request)
            case "sts" | "iam":
                return call_moto(_MOTO[call.service], request)
        return _error_response(400, f"The embedded AWS has no service {call.service!r}.")

    def _call_dynamodb(self, region: str, operation: str, body: bytes) -> Response:
        status, headers, content = self.dynamo.handle(region, operation, body)
        # By this alone do AWS's clients notice an answer that was cut off on its way.
        checksum = ("x-amz-crc32", str(zlib.crc32(content)))
        kind = ("Content-Type", "application/x-amz-json-1.0")
        return Response(status, [*headers.items(), checksum, kind], content)

    def _save(self, changes: list[Change]) -> None:
        if self._storage:
            self._storage.save_items(changes)

    def _load(self, storage: Storage) -> None:
        try:
            self.dynamo.load(REGION, storage.items())
        except (ValueError, TypeError, AttributeError, IndexError) as error:
            raise StateDamaged(f"a stored item is damaged ({error})") from error
        for entry in storage.objects():
            self.s3.load(entry)

    def _read_object(self, bucket: str, key: str, version: str | None) -> bytes:
        found = self.s3.read(bucket, key, version)
        if found is None:
            raise KeyError(key)
        return found

    def _put_image(self, bucket: str, key: str, body: bytes) -> None:
        try:
            self.s3.write(bucket, key, body, "image/jpeg")
        except KeyError:
            raise InvalidS3ObjectException(f"There is no bucket {bucket}.") from None

    def _keep_sweeping(self) -> None:
        while not self._stop.wait(_SWEEP_S):
            self.sweep(datetime.now(UTC))


def _ended(role: AssumedRole, now: datetime) -> bool:
    return role.expiration.replace(tzinfo=UTC) < now


_MOTO: dict[str, Callable[..., Any]] = {"sts": TokenResponse.dispatch, "iam": IamResponse.dispatch}


def _wsgi(application: Callable[..., Any], request: Request) -> Response:
    """Call a WSGI application."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
        started.extend([int(status.split(" ", 1)[0]), headers])

    body = b"".join(application(environ(request), start_response))
    return Response(started[0], started[1], body)


def _error_response(status: int, message: str) -> Response:
    codes = {403: "AccessDenied", 404: "NotFound", 413: "EntityTooLarge", 500: "InternalServerError"}
    body = msgspec.json.encode({"__type": codes.get(status, "InvalidRequest"), "message": message})
    return Response(status, [("Content-Type", "application/json")], body)
