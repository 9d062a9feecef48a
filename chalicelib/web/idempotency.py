"""Idempotency-Key: a mutation that is sent again is answered again, and not done again.

Kept for 24 hours. Only what succeeded is kept: what was refused or failed changed nothing, so the
same key may try again. Of answers that hold secrets only the key is (`http.Repeated`). Each caller has
keys of their own.
"""

import hashlib
import logging
import re
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
"""A Lambda is stopped at 29 s; a request that has run longer is dead and may be made again."""


LARGEST = 300_000
"""Most bytes of a compressed answer that are kept; an item has room for 400 KB."""


_PERSON = re.compile("/people/([0-9a-z]{1,40})(?:/|$)")


_VISIBLE = frozenset(string.ascii_letters + string.digits + string.punctuation)


def run_once(
    stored_replies: Callable[[], StoredReplies],
    now: datetime,
    request: Request,
    run: Callable[[], Reply],
    on_replay: OnReplay,
) -> Reply:
    """Run a request; one with an Idempotency-Key that succeeded before is what its route says, `on_replay`.

    Raises RequestInProgress, IdempotencyKeyReused when the key came with another request, or
    AnswerNotKept for a on_replay one that is refused.
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
        about = _about(request, reply)
        answer = msgspec.structs.replace(running, status=reply.status, body=body, about=about)
        try:
            with without_deadline():
                stored_replies().save(place, answer, now=now, kept=KEPT)
        except Exception as error:  # it is done: the caller is told so, and the key stays taken for a while
            _log.error("an answer could not be kept: %s", type(error).__name__)
    else:
        stored_replies().delete(place)
    return reply


_JSON = {"Content-Type": "application/json", "Idempotency-Replayed": "true"}


def _about(request: Request, reply: Reply) -> str | None:
    """Say whom an answer is about, so that it can be erased with them."""
    found = _PERSON.search(request.path)
    return found[1] if found else getattr(reply.body, "person_id", None)
