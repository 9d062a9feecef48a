"""Routes for developers under `/_rollcall/liveness-sessions/` on the AWS port. AWS has nothing like them."""

import re
from typing import Final
from urllib.parse import parse_qs

import cv2
import msgspec
import numpy as np

from local.httpserver import Request, Response
from local.liveness.judge import Picture, Verdict
from local.liveness.judge.judgement import picture
from local.liveness.sessions import Sessions, SessionTaken
from local.rekognition.engine import MAX_S3_BYTES, Engine, decode
from local.rekognition.exceptions import RekognitionError, SessionNotFoundException

CONFIDENCE: Final = {True: 99.0, False: 1.0}
"""The confidence of a session that was finished with a photo: of a live person, and of a spoof."""

LONGEST_PX: Final = 1280
"""The longer side of a reference image: a photo is made as large as a frame of a good camera's video."""

# No bucket's name begins with an underscore, so S3 loses nothing.
_PATH = re.compile("/_rollcall/liveness-sessions/([^/]+)/(explain|finish)")
_METHODS = {"explain": "GET", "finish": "POST"}
_HEADERS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, POST"),
    ("Access-Control-Allow-Headers", "*"),
    ("Cache-Control", "no-store"),
    ("Content-Type", "application/json"),
]


class _BadRequest(Exception):
    """The request is wrong; the message says how to put it right."""


class DeveloperRoutes:
    """Explains why a session ended as it did, and finishes a session with a photo instead of a video.

    An id of a session is hard to guess, so neither asks for a signature. `finish` exists in the stage
    `local` only.
    """

    def __init__(self, sessions: Sessions, engine: Engine, stage: str) -> None:
        self._sessions = sessions
        self._engine = engine
        self._stage = stage

    def handle(self, request: Request) -> Response | None:
        """Serve one request; None if it is for another part of the port."""
        matched = _PATH.fullmatch(request.path)
        if not matched or (matched[2] == "finish" and self._stage != "local"):
            return None
        session_id, action = matched.groups()
        if request.method == "OPTIONS":
            return Response(200, _HEADERS)
        if request.method != _METHODS[action]:
            return _error(405, "MethodNotAllowed", f"Use {_METHODS[action]} for {request.path}.")
        try:
            if action == "finish":
                self._finish(session_id, request)
            body = msgspec.json.encode(self._sessions.explain(session_id))
        except SessionNotFoundException as error:
            return _error(404, error.code, error.message)
        except SessionTaken as error:
            return _error(409, "SessionTaken", str(error))
        except _BadRequest as error:
            return _error(400, "InvalidRequest", str(error))
        except RekognitionError as error:
            return _error(400, error.code, error.message)
        return Response(200, _HEADERS, body)

    def _finish(self, session_id: str, request: Request) -> None:
        """Finish a session as if a video had been judged, with the photo as its reference image.

        A photo that cannot be used leaves the session as it was.
        """
        live = _live(request.query)
        reference = self._reference(request.body)
        self._sessions.start(session_id)
        self._sessions.finish(
            session_id,
            Verdict(
                enough=True,
                live=live,
                confidence=CONFIDENCE[live],
                reason=f"finished with a photo as {'a live person' if live else 'a spoof'}",
                reference=reference,
            ),
        )

    def _reference(self, photo: bytes) -> Picture:
        if not photo:
            raise _BadRequest("Send a JPEG or PNG as the body, as `curl --data-binary @photo.jpg` does.")
        image = decode(photo, limit=MAX_S3_BYTES)
        scale = LONGEST_PX / max(image.shape[:2])
        if scale < 1:
            image = np.asarray(
                cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
            )
        faces = self._engine.faces(image, 1)
        if not faces:
            raise _BadRequest("There is no face in the photo, and a reference image always has one.")
        return picture(image, faces[0])


def _live(query: str) -> bool:
    match parse_qs(query, keep_blank_values=True):
        case {"live": ["true"]}:
            return True
        case {"live": ["false"]}:
            return False
        case {"live": _}:
            raise _BadRequest("live must be true or false.")
        case {}:
            return True


def _error(status: int, code: str, message: str) -> Response:
    return Response(status, _HEADERS, msgspec.json.encode({"__type": code, "message": message}))
