"""The sweep of every minute: it finishes or undoes interrupted work, and deletes temporary files."""

from datetime import datetime, timedelta

from chalicelib.aws.bucket import Bucket
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.aws.personal_data import PersonalData
from chalicelib.services import enrolment, uploads
from chalicelib.services.enrolment import ABANDONED_AFTER
from chalicelib.services.erasure import resume

EXPORT_KEPT = timedelta(minutes=2)
"""How long an exported file is kept; its link works for one minute."""


def sweep(
    directory: Directory,
    personal_data: PersonalData,
    collection: FaceCollection,
    bucket: Bucket,
    *,
    now: datetime,
) -> dict[str, int]:
    """Finish or undo interrupted work and delete temporary files; returns how many of each."""
    erasures = personal_data.erasures(now - ABANDONED_AFTER)
    swept = enrolment.sweep(directory, collection, bucket, now=now)
    for erasure in erasures:
        resume(directory, personal_data, collection, bucket, erasure, now)
    return {
        "swept": swept,
        "erasures": len(erasures),
        "uploads": uploads.sweep(directory, bucket, now=now),
        "exports": bucket.delete_all("exports/", before=now - EXPORT_KEPT),
    }
