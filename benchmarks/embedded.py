"""The embedded AWS for benchmarks that call use cases or routes in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chalicelib import wiring
from local.app.appserver import set_environment, stage_settings
from local.aws.embedded import REGION, Embedded

TABLE = "rollcall-local"


@contextmanager
def embedded_aws(state: Path | None = None) -> Iterator[Embedded]:
    """Run the embedded AWS and point the app at it; `state` is the folder of its files, None keeps none."""
    aws = Embedded(state)
    aws.start()
    variables = stage_settings()["environment_variables"]
    set_environment(aws.aws_url, aws.stream_url, REGION, aws.key, variables)
    for made in vars(wiring).values():  # by the benchmark before, of an AWS that has stopped
        if hasattr(made, "cache_clear"):
            made.cache_clear()
    try:
        yield aws
    finally:
        aws.stop()
