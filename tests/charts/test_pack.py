"""The same files are always the same bytes, in a form that every reader of charts takes."""

import io
import random
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_gateway.charts import pack, packing
from dag_gateway.charts.archive import read_files
from tests.fakes.archives import CHART_YAML, LIMITS

FILES = {"Chart.yaml": CHART_YAML, "templates/" + "x" * 150 + ".yaml": b"a: 1\n", "é.txt": b""}


def test_what_is_packed_is_read_back() -> None:
    assert read_files(pack("demo", FILES), LIMITS) == FILES


def test_each_file_comes_when_it_is_asked_for() -> None:
    files = {f"{number}.bin": random.Random(number).randbytes(100_000) for number in range(5)}
    pieces = list(packing("demo", files))
    assert b"".join(pieces) == pack("demo", files)
    assert max(len(piece) for piece in pieces) < 150_000


def test_order_does_not_change_the_bytes() -> None:
    assert pack("demo", FILES) == pack("demo", dict(reversed(FILES.items())))


def test_nothing_of_the_machine_gets_into_the_archive() -> None:
    packed = pack("demo", FILES)
    assert packed[4:8] == bytes(4)
    assert packed[3] == 0
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        for member in tar:
            owner = (member.uid, member.gid, member.uname, member.gname)
            assert (member.mtime, owner, member.mode) == (0, (0, 0, "", ""), 0o644)
            assert member.name.startswith("demo/")


@pytest.mark.parametrize("changed", [{"Chart.yaml": b"x"}, {"new": b""}])
def test_another_content_is_other_bytes(changed: dict[str, bytes]) -> None:
    assert pack("demo", FILES) != pack("demo", {**FILES, **changed})


@given(
    st.dictionaries(st.from_regex(r"\A[a-z]{1,8}\.[a-z]{1,3}\Z", fullmatch=True), st.binary(max_size=2000), max_size=5)
)
def test_any_content_survives(files: dict[str, bytes]) -> None:
    together = {"Chart.yaml": CHART_YAML, **files}
    assert read_files(pack("demo", together), LIMITS) == together
