"""Whether the scans of a JPEG hold all of its picture, as far as can be told without decoding them. Pure."""

import re
import struct
from typing import NamedTuple

FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The markers of frame headers, SOF0 to SOF15."""


SCAN = 0xDA
"""The marker of a scan's header, SOS."""


_RESTARTS = 0xDD
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2  # Huffman-coded; arithmetic coding is not looked at closely
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")


class Segment(NamedTuple):
    """A part of a JPEG: what follows its marker and length, and the data behind it if it begins a scan."""

    marker: int
    content: bytes = b""
    scan: bytes = b""


def is_whole(segments: list[Segment]) -> bool:
    """Say whether everything can be there: of a file with one frame, cut after its last byte of data.

    Each component must have a scan, and in a progressive picture the first one all of its precision. A scan
    with restart markers must have all of them, and any scan as many bits as its blocks need at least. What a
    scan without restart markers lacks near its end is not seen.
    """
    frame: _Frame | None = None
    interval = 0
    try:
        for segment in segments:
            if segment.marker in FRAMES:
                frame = _Frame(segment)
            elif segment.marker == _RESTARTS:
                (interval,) = struct.unpack(">H", segment.content)
            elif segment.marker == SCAN and (frame is None or not frame.takes(segment, interval)):
                return False
    except (
        IndexError,
        KeyError,
        ValueError,
        struct.error,
    ):  # a component that is none, a header of another length
        return False
    return frame is not None and frame.is_complete()


class _Component:
    """What a frame header says of a component, and which of its 64 coefficients are all there."""

    def __init__(self, factors: int) -> None:
        self.across, self.down = factors >> 4, factors & 15  # its blocks in each unit of the picture
        self.seen: set[int] = set()
        self.exact: set[int] = set()


class _Frame:
    """A picture as its frame header says; raises ValueError when that says nothing sensible."""

    def __init__(self, segment: Segment) -> None:
        self._height: int
        self._width: int
        _, self._height, self._width, count = struct.unpack_from(">BHHB", segment.content)
        if len(segment.content) != 6 + 3 * count:
            raise ValueError(count)
        self._marker = segment.marker
        self._components = {
            name: _Component(factors) for name, factors, _ in struct.iter_unpack("BBB", segment.content[6:])
        }
        self._across = max(component.across for component in self._components.values())
        self._down = max(component.down for component in self._components.values())
        if not all(one.across and one.down for one in self._components.values()):
            raise ValueError(self._across)

    def takes(self, segment: Segment, interval: int) -> bool:
        """Note what a scan brings; says whether it is long enough, with a restart each `interval` units."""
        count = segment.content[0]
        names, spectrum = segment.content[1 : 1 + 2 * count : 2], segment.content[1 + 2 * count :]
        first, last, precision = struct.unpack("BBB", spectrum)
        parts = [self._components[name] for name in names]
        sequential = self._marker in _SEQUENTIAL
        for part in parts:
            coefficients = range(64) if sequential else range(first, last + 1)
            part.seen.update(coefficients)
            if sequential or not precision & 15:  # how many bits of each are still to come
                part.exact.update(coefficients)
        units = self._units(parts)
        if interval and len(_RESTART.findall(segment.scan)) < -(-units // interval) - 1:
            return False
        blocks = units if len(parts) == 1 else units * sum(part.across * part.down for part in parts)
        return 8 * len(segment.scan) >= blocks * self._least_bits(first)

    def is_complete(self) -> bool:
        """Say whether the scans brought all that a decoder needs for a picture that is not blurred."""
        parts = list(self._components.values())
        if self._marker not in (*_SEQUENTIAL, _PROGRESSIVE):
            return all(part.seen for part in parts)
        return all(0 in part.seen for part in parts) and parts[0].exact >= set(range(64))

    def _units(self, parts: list[_Component]) -> int:
        """Count the units of a scan, which are blocks, and without padding, if it is of one component."""
        if len(parts) != 1:
            return -(-self._width // (8 * self._across)) * -(-self._height // (8 * self._down))
        across = -(-self._width * parts[0].across // self._across)
        down = -(-self._height * parts[0].down // self._down)
        return -(-across // 8) * -(-down // 8)

    def _least_bits(self, first: int) -> int:
        """Say how many bits a block has at least: a code for its mean, and one that the rest is nothing."""
        if self._marker in _SEQUENTIAL:
            return 2
        return 1 if self._marker == _PROGRESSIVE and first == 0 else 0
