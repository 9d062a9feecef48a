"""Decoding a recorded video: guarded, because every byte of it is the client's.

WebM (VP8, VP9) is what Chromium and Firefox record, MP4 (H.264) what Safari does.
"""

import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from time import thread_time

import av
import av.error
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Image = NDArray[np.uint8]

MAX_FRAMES = 600  # 20 s at 30 fps; a session is about 6 to 10 s
MAX_DURATION_S = 30.0
MAX_PIXELS = 1920 * 1080
MAX_DECODE_S = 6.0  # of this thread's own work: 180 frames of 640x480 took 0.3 s, however busy the machine
SMALL_WIDTH = 320  # every frame is kept at this width; a few are decoded again in full

_CODECS = {"vp8", "vp9", "h264"}


class VideoRefused(Exception):
    """The bytes are no video that can be judged; the message says why."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A decoded video: one small BGR image and one time (seconds from the first frame) per frame."""

    data: bytes
    width: int
    height: int
    times: tuple[float, ...]
    small: tuple[Image, ...]

    @property
    def scale(self) -> float:
        """Full-size pixels for each pixel of a small frame."""
        return self.width / int(self.small[0].shape[1])

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        return self.times[-1] - self.times[0]

    def full(self, indices: Collection[int]) -> Iterator[tuple[int, Image]]:
        """Decode the frames of these indices again, at full size, in order of time."""
        last = max(indices, default=-1)
        for index, frame in enumerate(_frames(self.data)):
            if index in indices:
                yield index, _image(frame)
            if index >= last:
                break


def decode(data: bytes) -> Clip:
    """Decode a whole video within the limits above. Raises VideoRefused."""
    started = thread_time()
    times: list[float] = []
    small: list[Image] = []
    size = (0, 0)
    for frame in _frames(data):
        if (frame.width, frame.height) != (size if times else (frame.width, frame.height)):
            raise VideoRefused("the picture's size changes")
        size = (frame.width, frame.height)
        if frame.time is None or (times and frame.time <= times[-1]):
            raise VideoRefused("the frames' times do not increase")
        times.append(float(frame.time))
        if len(times) > MAX_FRAMES or times[-1] - times[0] > MAX_DURATION_S:
            raise VideoRefused("the video is too long")
        if thread_time() - started > MAX_DECODE_S:
            raise VideoRefused("the video takes too long to decode")
        small.append(_shrink(_image(frame)))
    if not times:
        raise VideoRefused("the video has no frames")
    first = times[0]
    return Clip(data, *size, tuple(time - first for time in times), tuple(small))


def _frames(data: bytes) -> Iterator[VideoFrame]:
    """Yield the frames that decode. A damaged end, as a closed tab leaves it, just ends the video."""
    form = "mp4" if data[4:8] == b"ftyp" else "matroska"
    decoded = 0
    try:
        with av.open(io.BytesIO(data), "r", format=form, options={"max_streams": "4"}) as container:
            if not container.streams.video:
                raise VideoRefused("there is no video track")
            stream = container.streams.video[0]
            context = stream.codec_context
            if context.name not in _CODECS and context.codec.canonical_name not in _CODECS:
                raise VideoRefused(f"the codec {context.name} is not one that browsers record")
            context.thread_count = 1
            context.options = {"max_pixels": str(MAX_PIXELS)}
            for frame in container.decode(stream):
                if frame.width * frame.height > MAX_PIXELS:
                    raise VideoRefused("the picture is too large")
                decoded += 1
                yield frame
    except (av.error.FFmpegError, ValueError, MemoryError) as error:
        if not decoded:
            raise VideoRefused("the video cannot be decoded") from error


def _image(frame: VideoFrame) -> Image:
    return np.ascontiguousarray(frame.to_ndarray(format="bgr24"))


def _shrink(image: Image) -> Image:
    height, width = image.shape[:2]
    if width <= SMALL_WIDTH:
        return image
    size = (SMALL_WIDTH, max(1, round(height * SMALL_WIDTH / width)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
