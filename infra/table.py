"""The stage's table: protecting it, and deleting it."""

from typing import Any

from infra.progress import say, until
from infra.stage import Stage


def describe(stage: Stage) -> dict[str, Any] | None:
    """Describe the table; None if there is none."""
    client = stage.client("dynamodb")
    try:
        described: dict[str, Any] = client.describe_table(TableName=stage.prefix)["Table"]
    except client.exceptions.ResourceNotFoundException:
        return None
    return described


def protect(stage: Stage) -> None:
    """Turn on point-in-time recovery, expiry and, except on dev, deletion protection.

    A table restored from a backup has none of them. Deletion protection is not in the template, because
    CloudFormation could then not undo a first deploy that failed.
    """
    client = stage.client("dynamodb")
    backups = client.describe_continuous_backups(TableName=stage.prefix)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    if recovery != "ENABLED":
        say("  turning point-in-time recovery on")
        client.update_continuous_backups(
            TableName=stage.prefix, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    expiry = client.describe_time_to_live(TableName=stage.prefix)["TimeToLiveDescription"]
    if expiry["TimeToLiveStatus"] == "DISABLED":
        say("  turning expiry on")
        client.update_time_to_live(
            TableName=stage.prefix, TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True}
        )
    if stage.protected:
        _set_deletion_protection(stage, on=True)


def unprotect(stage: Stage) -> None:
    """Turn deletion protection off, if there is a table that has it."""
    _set_deletion_protection(stage, on=False)


def _set_deletion_protection(stage: Stage, *, on: bool) -> None:
    described = describe(stage) or {}
    if described.get("DeletionProtectionEnabled", False) is on:
        return
    say(f"  turning deletion protection {'on' if on else 'off'}")
    stage.client("dynamodb").update_table(TableName=stage.prefix, DeletionProtectionEnabled=on)
    until(lambda: True if _active(stage) else None, "the table to be active again", tries=60)


def _active(stage: Stage) -> bool:
    return (describe(stage) or {}).get("TableStatus") == "ACTIVE"


def delete(stage: Stage) -> None:
    """Delete the table, if there is one, and wait until it is gone. Raises Failure."""
    described = describe(stage)
    if described is None:
        return
    if described["TableStatus"] != "DELETING":
        unprotect(stage)
        stage.client("dynamodb").delete_table(TableName=stage.prefix)
    until(lambda: True if describe(stage) is None else None, f"table {stage.prefix} to go", tries=300)
    say(f"  table {stage.prefix}")
