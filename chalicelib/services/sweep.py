"""The sweep of every minute: it finishes or undoes interrupted work, and deletes temporary files.

The table says what there is to do, so that a minute without work costs five small queries and no list of the
bucket.
"""

from datetime import datetime

from chalicelib.aws.bucket import Bucket, export_key
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.aws.personal_data import PersonalData
from chalicelib.services import enrolment, uploads
from chalicelib.services.enrolment import ABANDONED_AFTER
from chalicelib.services.erasure import resume


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
        "exports": _sweep_exports(directory, bucket, now),
    }


def _sweep_exports(directory: Directory, bucket: Bucket, now: datetime) -> int:
    deleted = 0
    for export_id in directory.expired_exports(now):
        deleted += bucket.delete_all(export_key(export_id))
        directory.delete_export(export_id)
    return deleted
