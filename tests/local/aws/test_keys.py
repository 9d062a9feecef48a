"""The access key of a state folder, and the AWS profile that tells clients of it."""

import stat
from pathlib import Path

import boto3
import pytest

from local.aws.keys import CREDENTIALS_FILE, PROFILE, key_of_state, make_key, write_profile


def test_each_state_folder_keeps_a_key_of_its_own(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    assert key_of_state(first) == key_of_state(first) != key_of_state(second)


def test_only_the_user_can_read_the_key(tmp_path: Path) -> None:
    key_of_state(tmp_path)
    assert stat.S_IMODE((tmp_path / CREDENTIALS_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "damage", [b"", b"\xff\xfe", b"[other]\n", b"aws_access_key_id", b"[rollcall-local]\n"]
)
def test_a_damaged_file_of_keys_gets_a_new_key(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / CREDENTIALS_FILE).write_bytes(damage)
    assert key_of_state(tmp_path) == key_of_state(tmp_path)


def test_an_id_looks_like_one_of_aws() -> None:
    key = make_key()
    assert (len(key.id), key.id[:4], key.id.isupper()) == (20, "AKIA", True)


def test_boto3_reads_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = key_of_state(tmp_path)
    config = write_profile(tmp_path, "http://127.0.0.1:4566", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / CREDENTIALS_FILE))
    session = boto3.session.Session(profile_name=PROFILE)
    client = session.client("dynamodb")
    assert (client.meta.endpoint_url, client.meta.region_name) == ("http://127.0.0.1:4566", "us-east-1")
    credentials = session.get_credentials()
    assert credentials
    assert (credentials.access_key, credentials.secret_key) == key
