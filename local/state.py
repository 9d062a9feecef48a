"""The state folder of a run: locked while it is in use, and emptied by `make reset`."""

import contextlib
import fcntl
import hashlib
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from local.aws.keys import CONFIG_FILE, CREDENTIALS_FILE

ROOT: Final = Path(__file__).resolve().parent.parent
DEFAULT: Final = Path(".local")
RUN_FILE: Final = "run.json"
TOKENS_FILE: Final = "tokens.json"
CERTIFICATE_FILE: Final = "liveness-stream.pem"
ITEMS: Final = ("aws.db", "aws.db-wal", "aws.db-shm")
FACES: Final = ("faces.db", "faces.db-wal", "faces.db-shm", "faces.db-incomplete")
"""The last one is there while lost faces are indexed anew, so that a start after a crash goes on with it."""

_OWN: Final = (*ITEMS, *FACES, TOKENS_FILE, RUN_FILE, CREDENTIALS_FILE, CONFIG_FILE, CERTIFICATE_FILE, "lock")


class Failure(Exception):
    """The service cannot run. The message is one line that tells the user what to change."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Create and lock the state folder, for this user only. Raises Failure if another run uses it.

    Whatever this process makes from now on is its user's alone.
    """
    os.umask(0o077)
    try:
        if folder.absolute() == ROOT / DEFAULT and not os.path.lexists(folder):
            folder.symlink_to(_outside())
        target = folder.resolve()
        target.mkdir(parents=True, exist_ok=True)
        if (target / "lock").exists() or not any(target.iterdir()):
            target.chmod(0o700)  # a folder with other files in it keeps its own permissions
        lock = (folder / "lock").open("a")
        for name in _OWN:
            with contextlib.suppress(FileNotFoundError):
                (folder / name).chmod(0o600)  # files of a version that left this to the umask
    except OSError as error:
        raise Failure(
            f"the state folder {folder} cannot be used ({error.strerror}): name another, STATE=/some/folder"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failure(
                f"the state folder {folder} is in use by another run: stop it, or name another, "
                "STATE=/some/folder"
            ) from None
        yield folder.resolve()


def _outside() -> Path:
    """Name a folder for the data of this clone. `chalice local` restarts at any write inside of the clone."""
    base = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
    return base / "rollcall" / f"{ROOT.name}-{hashlib.sha256(bytes(ROOT)).hexdigest()[:8]}"


def reset(folder: Path) -> bool:
    """Delete the data in a state folder, and nothing else that lies there; says whether it is one.

    A folder without the key that every run leaves is none, and is not touched. Raises Failure if a run uses
    the folder.
    """
    if not (folder / CREDENTIALS_FILE).is_file():
        return False
    with locked(folder):
        for name in (*ITEMS, *FACES, TOKENS_FILE, RUN_FILE):
            (folder / name).unlink(missing_ok=True)
    return True


def reset_command(folder: Path) -> str:
    """Give the command that resets a state folder, as it can be pasted into a shell."""
    if folder.resolve() == (ROOT / DEFAULT).resolve():
        return "make reset"
    return f"make reset STATE={_for_make(str(folder.resolve()))}"


def forget_faces_command(folder: Path) -> str:
    """Give the command that removes the file of faces, to be made anew from the photos."""
    return f"rm -f {shlex.quote(str(folder.resolve()))}/faces.db*"


def _for_make(text: str) -> str:
    return shlex.quote(text.replace("$", "$$"))
