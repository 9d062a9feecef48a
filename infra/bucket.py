"""The stage's bucket: whether it is ours, and removing it with all it holds."""

from infra.progress import say
from infra.stage import Failure, Stage


def exists(stage: Stage) -> bool:
    """Return whether the stage's bucket exists. Raises Failure if it is another account's or Region's."""
    client = stage.client("s3")
    try:
        reply = client.head_bucket(Bucket=stage.bucket, ExpectedBucketOwner=stage.account)
    except client.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        if code in {"404", "NoSuchBucket"}:
            return False
        if code in {"403", "AccessDenied"}:
            raise Failure(
                f"bucket {stage.bucket} belongs to another account, or these credentials may not see it"
            ) from None
        raise
    region = reply.get("BucketRegion", stage.region)
    if region != stage.region:
        raise Failure(f"bucket {stage.bucket} is in Region {region}, not {stage.region}: nothing is touched")
    return True


def empty(stage: Stage) -> None:
    """Delete all objects in the bucket, with all their versions. Raises Failure."""
    if not exists(stage):
        return
    client, removed = stage.client("s3"), 0
    for page in client.get_paginator("list_object_versions").paginate(Bucket=stage.bucket):
        objects = [
            {"Key": version["Key"], "VersionId": version["VersionId"]}
            for kind in ("Versions", "DeleteMarkers")
            for version in page.get(kind, [])
        ]
        if objects:
            reply = client.delete_objects(Bucket=stage.bucket, Delete={"Objects": objects, "Quiet": True})
            if errors := reply.get("Errors"):
                raise Failure(f"S3 did not delete {errors[0]['Key']}: {errors[0]['Message']}")
            removed += len(objects)
            say(f"  {removed} objects deleted")


def delete(stage: Stage) -> None:
    """Delete the bucket, if it exists, with what has arrived since it was emptied. Raises Failure."""
    if exists(stage):
        empty(stage)
        stage.client("s3").delete_bucket(Bucket=stage.bucket)
        say(f"  bucket {stage.bucket}")
