"""The table's monthly backups in AWS Backup, made by the stack's plan."""

from infra import stack
from infra.progress import say, until
from infra.stage import Stage


def arns(stage: Stage) -> list[str]:
    """List the backups in the stage's vault; none if it has no vault."""
    if stack.parameters(stage, stage.prefix).get("KeepsVault") != "yes":
        return []
    pages = (
        stage.client("backup")
        .get_paginator("list_recovery_points_by_backup_vault")
        .paginate(BackupVaultName=stage.prefix)
    )
    return [point["RecoveryPointArn"] for page in pages for point in page["RecoveryPoints"]]


def delete(stage: Stage) -> None:
    """Delete the backups, because a vault that has any cannot be deleted. Raises Failure."""
    found = arns(stage)
    for arn in found:
        stage.client("backup").delete_recovery_point(BackupVaultName=stage.prefix, RecoveryPointArn=arn)
    if found:
        until(lambda: True if not arns(stage) else None, "AWS Backup to delete the backups", tries=150)
        say(f"  {len(found)} backups")
