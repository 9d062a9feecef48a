"""Decodes images from untrusted bytes, within limits that are checked before decoding.

Rekognition takes JPEG and PNG of at least 80 x 80 pixels and turns JPEGs as their EXIF says
(PNGs never). OpenCV would decode ten more formats and a 1 MB file of 400 million pixels, so the
header is read here first, and nothing is decoded that it does not allow.
"""

import struct
import threading
from typing import Final, NamedTuple

import cv2
import numpy as np

from local.rekognition.engine.faces import Image
from local.rekognition.exceptions import (
    ImageTooLargeException,
    InvalidImageFormatException,
    InvalidParameterException,
)

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_S3_BYTES: Final = 15 * 1024 * 1024
MIN_SIDE: Final = 80
MAX_PIXELS: Final = 8192 * 8192  # a 50-megapixel telephone fits; decoding takes about a second, 400 MB

# A progressive JPEG may ask for the whole picture to be gone over again and again in a few bytes
# each time; encoders use about ten scans.
_MAX_SCANS: Final = 100
_MAX_SCANNED_PIXELS: Final = 12 * MAX_PIXELS

# Above this a JPEG is decoded at half its size (libjpeg does it while decoding, in half the time).
_HALVE_ABOVE: Final = 4096 * 4096

MAX_SIDE: Final = 16384  # cv2.warpAffine takes less than 32768

_DECODERS = threading.BoundedSemaphore(2)  # bounds the memory that simultaneous huge pictures take


class _Header(NamedTuple):
    width: int
    height: int
    flags: int


def decode(data: bytes, *, limit: int = MAX_BYTES) -> Image:
    """Decode a JPEG or PNG into height x width x 3 BGR, upright by its EXIF if it is a JPEG.

    Very large pictures come smaller. Raises ImageTooLargeException (more than `limit`
    bytes, or too many pixels), InvalidImageFormatException (another format, or damaged) and
    InvalidParameterException (less than 80 pixels wide or high).
    """
    if len(data) > limit:
        raise ImageTooLargeException(
            f"Image size is too large: {len(data)} bytes, at most {limit} are allowed."
        )
    if data.startswith(b"\xff\xd8\xff"):
        header = _jpeg_header(data)
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        header = _png_header(data)
    else:
        raise _invalid()
    if min(header.width, header.height) < MIN_SIDE:
        raise InvalidParameterException(
            f"Image is too small: {header.width} x {header.height} pixels, "
            f"at least {MIN_SIDE} x {MIN_SIDE} are needed."
        )
    if header.width * header.height > MAX_PIXELS:
        raise ImageTooLargeException(f"Image has too many pixels: {header.width} x {header.height}.")
    with _DECODERS:
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), header.flags)
        except cv2.error:
            raise _invalid() from None
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise _invalid()
    return _within(np.asarray(pixels, np.uint8))


def _within(image: Image) -> Image:
    """Make a picture smaller whose sides are longer than OpenCV can cut faces out of."""
    height, width = image.shape[:2]
    scale = MAX_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _invalid() -> InvalidImageFormatException:
    return InvalidImageFormatException("Request has invalid image format")


def _png_header(data: bytes) -> _Header:
    """Read IHDR, which the format demands to be the first chunk."""
    if len(data) < 33 or data[8:16] != b"\x00\x00\x00\rIHDR":
        raise _invalid()
    width, height = struct.unpack_from(">II", data, 16)
    if not width or not height:
        raise _invalid()
    return _Header(width, height, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


def _jpeg_header(data: bytes) -> _Header:
    """Walk the markers to the frame header; a scan before it, or the end of the file, is an error."""
    at = 2
    while True:
        at = data.find(b"\xff", at)
        while at != -1 and data[at : at + 1] == b"\xff":  # any number of fill bytes
            at += 1
        if at == -1 or at + 8 > len(data):
            raise _invalid()
        marker = data[at]
        if marker == 0xDA or marker == 0xD9:  # start of scan, end of image
            raise _invalid()
        if marker == 0 or marker == 1 or 0xD0 <= marker <= 0xD8:  # they stand alone
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 1)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # SOF0..SOF15
            height, width = struct.unpack_from(">HH", data, at + 4)
            break
        if length < 2:
            raise _invalid()
        at += 1 + length
    if not width or not height:
        raise _invalid()
    pixels = width * height
    # In compressed data FF is followed by 00 or a restart marker, so this counts true scans.
    scans = data.count(b"\xff\xda")
    if scans > _MAX_SCANS or scans * pixels > _MAX_SCANNED_PIXELS:
        raise ImageTooLargeException(f"Image is too complex: {width} x {height} pixels in {scans} scans.")
    flags = cv2.IMREAD_REDUCED_COLOR_2 if _HALVE_ABOVE < pixels <= MAX_PIXELS else cv2.IMREAD_COLOR
    return _Header(width, height, flags)
