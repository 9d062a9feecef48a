"""The links and forms that browsers get: those of S3's endpoint in the stage's own Region."""

from datetime import UTC, datetime
from functools import cache
from urllib.parse import urlsplit

import pytest

from chalicelib import wiring
from infra.regions import LIVENESS

BUCKET = "rollcall-dev-123456789012"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Gateways are made anew, for a stage whose variables are set here."""
    for name, made in vars(wiring).items():
        if hasattr(made, "cache_clear"):
            monkeypatch.setattr(wiring, name, cache(made.__wrapped__))
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "ROLLCALL_STAGE": "dev",
        "ROLLCALL_TABLE": "rollcall-dev",
        "ROLLCALL_BUCKET": BUCKET,
        "ROLLCALL_COLLECTION": "rollcall-dev",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def urls() -> list[str]:
    bucket = wiring.bucket()
    return [bucket.upload_form("upload")[0], bucket.link("photos/x", now=datetime.now(UTC)).url]


@pytest.mark.parametrize("region", sorted(LIVENESS))
def test_browsers_reach_the_bucket_in_its_own_region(environment: pytest.MonkeyPatch, region: str) -> None:
    environment.setenv("AWS_DEFAULT_REGION", region)
    # us-east-1's own endpoint is the global one; elsewhere that one redirects or refuses.
    host = f"{BUCKET}.s3.amazonaws.com" if region == "us-east-1" else f"{BUCKET}.s3.{region}.amazonaws.com"
    assert [(urlsplit(url).scheme, urlsplit(url).hostname) for url in urls()] == [("https", host)] * 2


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_another_endpoint_is_reached_by_path(environment: pytest.MonkeyPatch, variable: str) -> None:
    environment.setenv("AWS_DEFAULT_REGION", "ap-southeast-7")
    environment.setenv(variable, "http://127.0.0.1:4566")
    for url in urls():
        assert url.startswith(f"http://127.0.0.1:4566/{BUCKET}")
