"""Recording frames as a browser's MediaRecorder does: VP8 in WebM, handed out in pieces."""

import io
from fractions import Fraction

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

BIT_RATE = 1_500_000  # MediaRecorder runs at 1 Mbit/s with a better encoder setting than "realtime"


class Recorder:
    """Encode frames in order; `take` hands out what was written since the last call."""

    def __init__(self, width: int, height: int, fps: int, bit_rate: int = BIT_RATE) -> None:
        self._file = _Pipe()
        # `live` writes no duration and no index, exactly what MediaRecorder's pieces look like.
        self._container = av.open(self._file, "w", format="webm", options={"live": "1", "flush_packets": "1"})
        self._stream = self._container.add_stream("libvpx", rate=fps)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        self._stream.bit_rate = bit_rate
        self._stream.time_base = Fraction(1, 1000)
        self._stream.codec_context.time_base = Fraction(1, 1000)
        # A speed below zero is kept; above it, the encoder saves on quality when the machine is busy.
        self._stream.options = {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0"}

    def add(self, image: NDArray[np.uint8], at: float) -> None:
        """Encode a BGR frame that was seen `at` seconds from the start."""
        frame = VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts = round(at * 1000)
        frame.time_base = Fraction(1, 1000)
        self._container.mux(self._stream.encode(frame))

    def take(self) -> bytes:
        """The bytes written since the last call."""
        return self._file.take()

    def close(self) -> bytes:
        """End the video; return its last bytes."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._file.take()


class _Pipe(io.RawIOBase):
    """A file that cannot seek and only grows, as in a live recording."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        return len(part)

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken
