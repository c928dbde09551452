"""A gzip stream, read piece by piece with a bound on what comes out of it."""

import zlib
from typing import BinaryIO

from .limits import Meter
from .refusal import ChartTooLarge, InvalidChart

_MAGIC = b"\x1f\x8b"
_PIECE = 64 * 1024
# Every member counts as so many bytes of the stream: an empty one costs time, too.
_MEMBER_COST = 4096
# "Expect a gzip header and trailer", see the manual of zlib, inflateInit2.
_GZIP_ONLY = 16 + zlib.MAX_WBITS


class Inflated:
    """The content of a gzip stream of one or more members (RFC 1952, section 2.2).

    No more is ever unpacked than ``meter`` has left; what is over it raises ChartTooLarge. Anything that is not gzip,
    before, between or behind the members, raises InvalidChart.
    """

    def __init__(self, source: BinaryIO, meter: Meter) -> None:
        self._source = source
        self._meter = meter
        self._input = source.read(_PIECE)
        self._output = bytearray()
        self._member = zlib.decompressobj(_GZIP_ONLY)
        self._ended = False
        if not self._input.startswith(_MAGIC):
            raise InvalidChart("the chart is not a gzip archive; upload a .tgz as `helm package` writes it")

    def read(self, size: int) -> bytes:
        """``size`` bytes, fewer only at the end of the stream."""
        while len(self._output) < size and not self._ended:
            self._inflate()
        taken = bytes(self._output[:size])
        del self._output[:size]
        return taken

    def _inflate(self) -> None:
        if self._member.eof:
            self._next_member()
            return
        self._input = self._input or self._source.read(_PIECE)
        if not self._input:
            raise InvalidChart("the gzip stream is cut off; upload the whole .tgz")
        piece = self._inflated()
        self._count(len(piece))
        self._output += piece

    def _next_member(self) -> None:
        self._input = self._member.unused_data or self._source.read(_PIECE)
        if not self._input:
            self._ended = True
            return
        if not _MAGIC.startswith(self._input[:2]):
            raise InvalidChart("there is something behind the end of the gzip stream")
        self._count(_MEMBER_COST)
        self._member = zlib.decompressobj(_GZIP_ONLY)

    def _inflated(self) -> bytes:
        try:
            piece = self._member.decompress(self._input, _PIECE)
        except zlib.error as error:
            raise InvalidChart(f"the gzip stream is damaged: {error}") from error
        self._input = self._member.unconsumed_tail
        return piece

    def _count(self, size: int) -> None:
        self._meter.stream += size
        limit = self._meter.limits.stream
        if self._meter.stream > limit:
            raise ChartTooLarge(f"the chart unpacks to more than {limit} bytes, headers included")
