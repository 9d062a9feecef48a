"""Idempotency-Key: a repeated mutation returns the stored response and does not run again.

Responses are stored for 24 hours, and only successful ones: a request that failed changed nothing, so its key
may be used again. Responses with secrets are not stored (see `OnReplay`), nor those about a person who was
erased meanwhile. Each caller has keys of their own.
"""

import hashlib
import logging
import string
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from chalicelib.aws.deadline import without_deadline
from chalicelib.aws.stored_replies import StoredReplies
from chalicelib.domain.errors import AnswerNotKept, IdempotencyKeyReused, InvalidRequest, RequestInProgress
from chalicelib.domain.stored_reply import StoredReply
from chalicelib.web.request import MUTATIONS, OnReplay, Reply, Request

_log = logging.getLogger("rollcall")


KEPT = timedelta(hours=24)


ABANDONED_AFTER = timedelta(seconds=30)
"""Lambda stops a request after 29 s; one that started longer ago is dead and may be repeated."""


LARGEST = 300_000
"""The most bytes of a compressed response that is stored; an item may have 400 KB."""


_VISIBLE = frozenset(string.ascii_letters + string.digits + string.punctuation)


def run_once(
    stored_replies: Callable[[], StoredReplies],
    now: datetime,
    request: Request,
    run: Callable[[], Reply],
    on_replay: OnReplay,
) -> Reply:
    """Run a request; if it succeeded before with the same Idempotency-Key, do what `on_replay` says instead.

    Raises RequestInProgress, IdempotencyKeyReused if the key was used for another request, or AnswerNotKept
    if `on_replay` is `refuse`.
    """
    key = request.headers.get("idempotency-key")
    if key is None or request.method not in MUTATIONS:
        return run()
    if not 1 <= len(key) <= 255 or not _VISIBLE.issuperset(key):
        raise InvalidRequest("Idempotency-Key has 1 to 255 visible ASCII characters.")
    caller = request.caller.token_id if request.caller else ""
    place = hashlib.sha256(f"{caller} {key}".encode()).hexdigest()
    running = StoredReply(fingerprint=request.fingerprint, started_at=now)
    before = stored_replies().claim(place, running, now=now, kept=KEPT, abandoned=ABANDONED_AFTER)
    if before:
        if before.fingerprint != running.fingerprint:
            raise IdempotencyKeyReused
        if before.status is None:
            raise RequestInProgress
        if on_replay == "refuse":
            raise AnswerNotKept
        if on_replay == "redo":
            return run()
        return Reply(before.status, zlib.decompress(before.body).decode() or None, _JSON)
    try:
        reply = run()
    except BaseException:
        with without_deadline():
            stored_replies().delete(place)
        raise
    text = msgspec.json.encode(reply.body) if on_replay == "replay" and reply.body is not None else b""
    body = zlib.compress(text)
    if reply.status < 300 and len(body) <= LARGEST:
        about = reply.about or ()
        stored = msgspec.structs.replace(running, status=reply.status, body=body, about=about)
        try:
            with without_deadline():
                stored_replies().save(place, stored, now=now, kept=KEPT)
        except Exception as error:  # the request has been carried out, so this is no error to the caller
            _log.error("a response could not be stored: %s", type(error).__name__)
    else:
        stored_replies().delete(place)
    return reply


_JSON = {"Content-Type": "application/json", "Idempotency-Replayed": "true"}
