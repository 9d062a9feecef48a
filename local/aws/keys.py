"""The access key of the embedded AWS: each state folder has one of its own, which only its user can read."""

import configparser
import os
import secrets
import string
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

PROFILE: Final = "rollcall-local"
CONFIG_FILE: Final = "aws-config"
CREDENTIALS_FILE: Final = "aws-credentials"


class AccessKey(NamedTuple):
    """A long-term key of the account. It opens nothing but the embedded AWS that knows it."""

    id: str
    secret: str


def make_key() -> AccessKey:
    """Make a key that nobody has; its id looks like AWS's (AKIA and 16 capitals or digits)."""
    alphabet = string.ascii_uppercase + "234567"
    return AccessKey("AKIA" + "".join(secrets.choice(alphabet) for _ in range(16)), secrets.token_urlsafe(30))


def key_of_state(folder: Path) -> AccessKey:
    """Give the key of a state folder, made at its first use.

    It is kept in AWS's own format, so that boto3 and the AWS CLI can read it. A damaged file gets a new key:
    nothing that is stored needs the old one.
    """
    file = folder / CREDENTIALS_FILE
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
        found = parser[PROFILE]
        return AccessKey(found["aws_access_key_id"], found["aws_secret_access_key"])
    except (OSError, UnicodeDecodeError, configparser.Error, KeyError):
        key = make_key()
    write_private(file, f"[{PROFILE}]\naws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n")
    return key


def write_profile(folder: Path, aws_url: str, region: str) -> Path:
    """Write the profile that goes with the key: where the embedded AWS listens. Gives the file."""
    text = f"[profile {PROFILE}]\nregion = {region}\nendpoint_url = {aws_url}\n"
    return write_private(folder / CONFIG_FILE, text)


def write_private(target: Path, text: str) -> Path:
    """Write a file whole or not at all, for this user only (mkstemp makes it 0600)."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(target)
    return target
