"""AWS's event-stream framing: one message is prelude, headers, payload and two CRC32s.

Layout (big endian): total length u32, headers length u32, CRC of those eight bytes u32,
headers, payload, CRC of everything before it u32. A header is a u8 name length, the
name, a u8 type and its value. The layout is public in AWS's and Smithy's documentation.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zlib import crc32

MAX_MESSAGE = 1024 * 1024  # the largest video chunk of the AWS client was about 216 kB

HeaderValue: TypeAlias = bool | int | bytes | str | datetime

_PRELUDE = struct.Struct(">III")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGERS = {2: ">b", 3: ">h", 4: ">i", 5: ">q"}
_BYTES, _STRING, _TIMESTAMP, _UUID = 6, 7, 8, 9


class FramingError(ValueError):
    """The bytes are not one whole, undamaged event-stream message."""


@dataclass(frozen=True, slots=True)
class Message:
    """Headers by name, and the payload's bytes."""

    headers: Mapping[str, HeaderValue] = field(default_factory=dict)
    payload: bytes = b""


def encode_headers(headers: Mapping[str, HeaderValue]) -> bytes:
    """Encode headers alone; chunk signatures cover the `:date` header in this form."""
    out = bytearray()
    for name, value in headers.items():
        raw = name.encode()
        if not 0 < len(raw) < 256:
            raise FramingError("a header's name must have 1 to 255 bytes")
        out += bytes([len(raw)]) + raw + _encode_value(value)
    return bytes(out)


def encode(message: Message) -> bytes:
    """Encode one message."""
    headers = encode_headers(message.headers)
    total = _PRELUDE.size + len(headers) + len(message.payload) + 4
    lengths = struct.pack(">II", total, len(headers))
    body = lengths + struct.pack(">I", crc32(lengths)) + headers + message.payload
    return body + struct.pack(">I", crc32(body))


def decode(data: bytes) -> Message:
    """Decode exactly one message.

    Raises FramingError if anything is wrong: lengths, checksums, unknown header
    types, a name that comes twice, or bytes left over.
    """
    if not _PRELUDE.size + 4 <= len(data) <= MAX_MESSAGE:
        raise FramingError("the message is too short or too long")
    total, header_length, prelude_crc = _PRELUDE.unpack_from(data)
    if prelude_crc != crc32(data[:8]):
        raise FramingError("the prelude's checksum does not match")
    if total != len(data) or header_length > total - _PRELUDE.size - 4:
        raise FramingError("the lengths do not fit the message")
    if struct.unpack_from(">I", data, total - 4)[0] != crc32(data[:-4]):
        raise FramingError("the message's checksum does not match")
    end = _PRELUDE.size + header_length
    return Message(_decode_headers(data[_PRELUDE.size : end]), data[end:-4])


def _encode_value(value: HeaderValue) -> bytes:
    match value:
        case bool():
            return b"\x00" if value else b"\x01"
        case int():
            return b"\x05" + struct.pack(">q", value)
        case bytes():
            return bytes([_BYTES]) + struct.pack(">H", len(value)) + value
        case str():
            raw = value.encode()
            return bytes([_STRING]) + struct.pack(">H", len(raw)) + raw
        case datetime():
            return bytes([_TIMESTAMP]) + struct.pack(">q", (value - _EPOCH) // timedelta(milliseconds=1))


def _decode_headers(data: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    reader = _Reader(data)
    while reader.left:
        try:
            name = reader.take(reader.take(1)[0]).decode()
            value = _decode_value(reader)
        except (UnicodeDecodeError, OverflowError) as error:
            raise FramingError("a header cannot be read") from error
        if not name or name in headers:
            raise FramingError("a header has no name or comes twice")
        headers[name] = value
    return headers


def _decode_value(reader: "_Reader") -> HeaderValue:
    kind = reader.take(1)[0]
    if kind in (0, 1):
        return kind == 0
    if kind in _INTEGERS:
        form = _INTEGERS[kind]
        return int(struct.unpack(form, reader.take(struct.calcsize(form)))[0])
    if kind in (_BYTES, _STRING):
        raw = reader.take(struct.unpack(">H", reader.take(2))[0])
        return raw if kind == _BYTES else raw.decode()
    if kind == _TIMESTAMP:
        return _EPOCH + timedelta(milliseconds=struct.unpack(">q", reader.take(8))[0])
    if kind == _UUID:
        return reader.take(16)
    raise FramingError(f"there is no header type {kind}")


class _Reader:
    """Bytes taken from the front, never past the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise FramingError("a header runs past its block")
        self._at += count
        return self._data[self._at - count : self._at]
