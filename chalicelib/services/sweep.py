"""The sweep of each minute: finishes or undoes what a crash left, removes files that have served."""

from datetime import datetime, timedelta

from chalicelib.aws.bucket import Bucket
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.aws.personal_data import PersonalData
from chalicelib.services import enrolment, uploads
from chalicelib.services.enrolment import ABANDONED_AFTER
from chalicelib.services.erasure import resume

EXPORT_KEPT = timedelta(minutes=2)
"""How long a file of an export stays: its link works for one minute."""


def sweep(
    directory: Directory,
    personal_data: PersonalData,
    collection: FaceCollection,
    bucket: Bucket,
    *,
    now: datetime,
) -> dict[str, int]:
    """Finish or undo what a crash left half-done, and drop files that have served; says how many of each."""
    erasures = personal_data.erasures(now - ABANDONED_AFTER)
    swept = enrolment.sweep(directory, collection, bucket, now=now)
    for erasure in erasures:
        resume(directory, personal_data, collection, bucket, erasure, now)
    return {
        "swept": swept,
        "erasures": len(erasures),
        "uploads": uploads.sweep(directory, bucket, now=now),
        "exports": bucket.remove_all("exports/", before=now - EXPORT_KEPT),
    }
