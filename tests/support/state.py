"""The state folder of a running service, for commands that are given `--state`."""

import json
from pathlib import Path

from local.aws.embedded import REGION, Embedded


def write_run_file(aws: Embedded, folder: Path) -> None:
    """Write run.json as `make run` leaves it, for an embedded AWS of this process."""
    run = {
        "aws_url": aws.aws_url,
        "stream_url": aws.stream_url,
        "region": REGION,
        "access_key_id": aws.key.id,
        "secret_access_key": aws.key.secret,
    }
    (folder / "run.json").write_text(json.dumps(run))
