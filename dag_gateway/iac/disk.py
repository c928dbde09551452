"""Whether the disk under ``data_dir`` takes what is written."""

import errno
import math
import tempfile
from pathlib import Path

from dag_gateway.clock import Clock
from dag_gateway.errors import Unavailable

_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_SOME = bytes(4096)
_BELIEVED = 1.0
"""Seconds."""


class DataDirUnwritable(Unavailable):
    """Nothing can be written below ``data_dir`` now."""

    code = "data_dir_unwritable"


def refused_by_the_disk(error: OSError) -> bool:
    """No room, no quota left, or mounted read-only: this mends itself once the disk is looked after."""
    return error.errno in _REFUSALS


def unwritable(error: OSError) -> DataDirUnwritable:
    """What to tell of something below ``data_dir`` that could not be written."""
    return DataDirUnwritable(
        f"data_dir can not be written ({error.strerror}): make room there or name another folder; "
        "the work goes on by itself then"
    )


class Disk:
    """The disk of ``data_dir``. What it took is believed for a moment: anybody may ask, as often as he likes."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._data_dir = data_dir
        self._clock = clock
        self._believed_until = -math.inf

    def check_writable(self) -> None:
        """Write a little and take it away again. Raises DataDirUnwritable."""
        if self._clock.monotonic() >= self._believed_until:
            _write_some(self._data_dir)
            self._believed_until = self._clock.monotonic() + _BELIEVED


def _write_some(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=data_dir, prefix="probe-") as file:
            file.write(_SOME)
            file.flush()
    except OSError as error:
        raise unwritable(error) from error
