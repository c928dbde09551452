"""The version that is stamped: always SemVer, and never one that stands for other content."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dag_gateway.model.chart import Chart, Metadata, chart_version, content_digest, is_semver

DIGEST = hashlib.sha256(b"content").hexdigest()
D8 = DIGEST[:8]


@pytest.mark.parametrize(
    ("requested", "own", "expected"),
    [
        ("2.0.0", "1.0.0", "2.0.0"),
        ("v2.0.0-rc.1", "1.0.0", "2.0.0-rc.1"),
        ("49cac74", "1.0.0", "1.0.0+49cac74"),
        ("0012345", "1.0.0", "1.0.0+0012345"),
        ("feature/new thing", "v1.2.3", "1.2.3+feature-new-thing"),
        ("main", "1.0.0+build", "1.0.0+build.main"),
        ("main", "1.2", "1.2.0+main"),
        ("main", "v1-beta+x", "1.0.0-beta+x.main"),
        ("a" * 60, "1.0.0", "1.0.0+" + "a" * 40),
        ("a" * 39 + "/b", "1.0.0", "1.0.0+" + "a" * 39),
        ("äöü", "1.0.0", "1.0.0+0"),
        ("1.0", "1.0.0", "1.0.0+1-0"),
    ],
)
def test_the_version_that_is_stamped(requested: str, own: str, expected: str) -> None:
    assert chart_version(requested, own, DIGEST) == expected


@pytest.mark.parametrize(
    ("requested", "taken", "expected"),
    [
        ("2.0.0", {"2.0.0"}, f"2.0.0+{D8}"),
        ("2.0.0+b", {"2.0.0+b"}, f"2.0.0+b.{D8}"),
        ("main", {"1.0.0+main"}, f"1.0.0+main.{D8}"),
        ("2.0.0", {"2.0.0", f"2.0.0+{D8}"}, f"2.0.0+{DIGEST[:16]}"),
        ("2.0.0", {"3.0.0"}, "2.0.0"),
    ],
)
def test_a_version_that_stands_for_other_content_gets_the_digest(
    requested: str, taken: set[str], expected: str
) -> None:
    assert chart_version(requested, "1.0.0", DIGEST, taken) == expected


@settings(deadline=None)
@given(
    st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=255)
    | st.from_regex(r"\Av?[0-9]{1,2}\.[0-9]\.[0-9]([-+][0-9A-Za-z.-]{1,20})?\Z"),
    st.sampled_from(["1.0.0", "v1.0.0", "0.1", "v3", "1.0.0-a.1+001", "2-rc.1"]),
    st.sets(st.sampled_from([0, 8, 16, 32])),
)
def test_it_is_always_semver_and_never_taken(requested: str, own: str, lengths: set[int]) -> None:
    plain = chart_version(requested, own, DIGEST)
    joint = "." if "+" in plain else "+"
    taken = {plain + (joint + DIGEST[:length] if length else "") for length in lengths}
    version = chart_version(requested, own, DIGEST, taken)
    assert is_semver(version)
    assert version not in taken


@pytest.mark.parametrize("version", ["0.0.0", "1.2.3-a.b-c.1", "1.2.3+01.a", "1.2.3-0a", "10.20.30--"])
def test_semver_is_recognised(version: str) -> None:
    assert is_semver(version)


@pytest.mark.parametrize(
    "version", ["", "1", "1.2", "v1.2.3", "01.2.3", "1.2.3-01", "1.2.3-", "1.2.3+", "1.2.3\n", "١.2.3"]
)
def test_what_is_not_semver_is_not(version: str) -> None:
    assert not is_semver(version)


def test_the_digest_is_of_paths_and_contents_in_any_order() -> None:
    files = {"a": b"1", "b": b"2"}
    assert content_digest(files) == content_digest(dict(reversed(files.items())))
    assert Chart(Metadata("a", "1.0.0", "v2"), files).digest == content_digest(files)


@pytest.mark.parametrize("other", [{"a": b"12", "b": b""}, {"a": b"1"}, {"a": b"1", "c": b"2"}, {"a1": b"", "b": b"2"}])
def test_other_files_have_another_digest(other: dict[str, bytes]) -> None:
    assert content_digest(other) != content_digest({"a": b"1", "b": b"2"})
