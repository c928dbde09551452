"""How much of an archive is read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """``unpacked`` bytes in all files together, ``file`` bytes in one of them, ``entries`` with folders counted."""

    unpacked: int
    file: int
    entries: int

    @property
    def stream(self) -> int:
        """Bytes of the whole tar stream: the files, and room for the headers and the padding around them."""
        return self.unpacked + 4096 * self.entries + 65536

    @property
    def extensions(self) -> int:
        """Bytes of all extension headers: room for a long name and the times of every entry."""
        return 1024 * self.entries + 65536


@dataclass(slots=True)
class Meter:
    """What was read so far. Archives that share a meter have to do with one set of ``limits`` together."""

    limits: Limits
    stream: int = 0
    extensions: int = 0
    unpacked: int = 0
    entries: int = 0
