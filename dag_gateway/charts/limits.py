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
