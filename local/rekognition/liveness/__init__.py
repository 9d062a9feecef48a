"""Face Liveness: its sessions, its stream, and the judge of what the stream brings."""

from local.rekognition.liveness.judge import Recording, judge
from local.rekognition.liveness.sessions import Session, Sessions
from local.rekognition.liveness.signing import Credentials
from local.rekognition.liveness.stream import StreamServer
from local.rekognition.liveness.verdict import Picture, Signal, Verdict

__all__ = [
    "Credentials",
    "Picture",
    "Recording",
    "Session",
    "Sessions",
    "Signal",
    "StreamServer",
    "Verdict",
    "judge",
]
