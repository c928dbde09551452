"""Whether the disk under ``data_dir`` takes what is written."""

import errno
import tempfile
from pathlib import Path

from dag_gateway.errors import Unavailable

_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_SOME = bytes(4096)


class DataDirUnwritable(Unavailable):
    """Nothing can be written below ``data_dir`` now."""

    code = "data_dir_unwritable"


def refused_by_the_disk(error: OSError) -> bool:
    """No room, no quota left, or mounted read-only: this mends itself once the disk is looked after."""
    return error.errno in _REFUSALS


def check_writable(data_dir: Path) -> None:
    """Write a little and take it away again. Raises DataDirUnwritable."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=data_dir, prefix="probe-") as file:
            file.write(_SOME)
            file.flush()
    except OSError as error:
        raise DataDirUnwritable(
            f"data_dir can not be written ({error.strerror}): make room there or name another folder; "
            "the work goes on by itself then"
        ) from error
