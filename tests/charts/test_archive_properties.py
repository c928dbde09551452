"""Whatever is uploaded as a chart is read or refused, within its limits."""

import gzip
import tracemalloc

from hypothesis import example, given, settings
from hypothesis import strategies as st

from dag_gateway.charts import Limits, read_chart
from dag_gateway.errors import Invalid, TooLarge
from tests.fakes.archives import CHART_YAML, END_OF_TAR, chart_tgz, pax, tar_entry

FEW = Limits(unpacked=64_000, file=16_000, entries=20)
_MEMORY = 8 * 1024**2
"""Bytes; what is unpacked is a few copies of ``FEW.unpacked``, and zlib and YAML have buffers of their own."""

FILES = {"values.yaml": b"a: 1\n", "templates/a.yaml": b"kind: ConfigMap\n", "charts/b/Chart.yaml": CHART_YAML}
PACKED = chart_tgz(FILES)
TAR = gzip.decompress(PACKED)
SPECIAL = [b"\0", b"/", b"..", b"\xff", b"7777777", b"\x80\0\0\0\xff\xff\xff\xff", b"x", b"L", b"g", b"ustar", b"1"]

mutations = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 16), st.one_of(st.binary(max_size=8), st.sampled_from(SPECIAL))),
    min_size=1,
    max_size=6,
)


def mutated(whole: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """Each change replaces some bytes at a position by others."""
    for position, length, instead in changes:
        start = position % (len(whole) + 1)
        whole = whole[:start] + instead + whole[start + length :]
    return whole


def repaired(tar: bytes) -> bytes:
    """With right checksums in all blocks that could be headers, so that what they say is believed."""
    blocks = [tar[start : start + 512] for start in range(0, len(tar), 512)]
    return b"".join(map(_with_checksum, blocks))


def _with_checksum(block: bytes) -> bytes:
    if len(block) < 512 or b"ustar" not in block[257:265]:
        return block
    blank = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(blank) + block[156:]


def read_or_refused(archive: bytes) -> None:
    """Neither another exception nor more memory than the limits ask for."""
    tracemalloc.start()
    try:
        chart = read_chart(archive, FEW)
        assert sum(map(len, chart.files.values())) <= FEW.unpacked
        assert not any(path.startswith("/") or ".." in path.split("/") for path in chart.files)
    except (Invalid, TooLarge):
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < _MEMORY + 4 * len(archive)


def test_what_is_mutated_can_be_read() -> None:
    assert read_chart(PACKED, FEW).files["values.yaml"] == FILES["values.yaml"]
    assert repaired(TAR) == TAR


@settings(max_examples=50, derandomize=True)
@example(b"")
@example(b"\x1f\x8b")
@given(st.binary(max_size=2000))
def test_any_bytes(content: bytes) -> None:
    read_or_refused(content)


@settings(max_examples=50, derandomize=True)
@given(mutations)
def test_any_change_of_the_compressed_bytes(changes: list[tuple[int, int, bytes]]) -> None:
    read_or_refused(mutated(PACKED, changes))


@settings(max_examples=50, derandomize=True)
@given(mutations)
def test_any_change_of_the_tar_inside(changes: list[tuple[int, int, bytes]]) -> None:
    read_or_refused(gzip.compress(mutated(TAR, changes), 1))


@settings(max_examples=50, derandomize=True)
@given(mutations)
def test_any_change_of_the_tar_inside_that_its_checksums_agree_with(changes: list[tuple[int, int, bytes]]) -> None:
    read_or_refused(gzip.compress(repaired(mutated(TAR, changes)), 1))


entries = st.lists(
    st.one_of(
        st.builds(
            tar_entry,
            st.one_of(st.binary(max_size=99), st.sampled_from([b"demo/Chart.yaml", b"demo/a", b"demo/a/b", b"demo"])),
            st.binary(max_size=600),
            kind=st.sampled_from([b"0", b"\0", b"1", b"2", b"5", b"7", b"L", b"x", b"g", b"S"]),
            size=st.sampled_from([None, b"77777777777\0", b"\x80" + b"\xff" * 11, b"00000000000\0", b"            "]),
        ),
        st.builds(lambda path, size: pax(path=path, size=size), st.binary(max_size=40), st.binary(max_size=12)),
    ),
    max_size=8,
)


@settings(max_examples=50, derandomize=True)
@given(entries)
def test_any_entries(parts: list[bytes]) -> None:
    read_or_refused(gzip.compress(tar_entry(b"demo/Chart.yaml", CHART_YAML) + b"".join(parts) + END_OF_TAR, 1))


@settings(max_examples=50, derandomize=True)
@given(st.integers(1, 10**7), st.integers(1, 4))
def test_any_bomb(size: int, members: int) -> None:
    bomb = gzip.compress(tar_entry(b"demo/Chart.yaml", CHART_YAML) + tar_entry(b"demo/b", bytes(size % 200_000)), 9)
    read_or_refused(bomb * members)
