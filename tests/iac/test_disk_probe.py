"""Whether the disk takes anything is tried at most once a second, and at once again after a refusal."""

from pathlib import Path

import pytest

from dag_gateway.iac.disk import DataDirUnwritable, Disk
from tests.fakes.manual_clock import ManualClock


def test_what_the_disk_took_is_believed_for_a_second(tmp_path: Path) -> None:
    clock, data_dir = ManualClock(), tmp_path / "data"
    disk = Disk(data_dir, clock)
    disk.check_writable()
    data_dir.rmdir()
    clock.advance(0.9)
    disk.check_writable()
    assert not data_dir.exists()
    clock.advance(0.1)
    disk.check_writable()
    assert data_dir.exists()


def test_a_refusal_is_believed_no_longer_than_it_lasts(tmp_path: Path) -> None:
    in_the_way = tmp_path / "data"
    in_the_way.write_text("a file")
    disk = Disk(in_the_way, ManualClock())
    with pytest.raises(DataDirUnwritable, match=r"data_dir can not be written .*: make room there or name another"):
        disk.check_writable()
    in_the_way.unlink()
    disk.check_writable()
