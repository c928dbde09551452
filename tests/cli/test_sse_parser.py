"""The stream parser against the rules of the WHATWG standard."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_gateway.cli.sse import EventTooLarge, Parser, ServerEvent

_TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))
_EVENTS = st.lists(st.builds(ServerEvent, _TEXT.filter(bool), st.lists(_TEXT, min_size=1).map("\n".join), _TEXT))


def feed(*chunks: bytes) -> list[ServerEvent]:
    parser = Parser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def encoded(event: ServerEvent, end: str) -> str:
    data = "".join(f"data: {line}{end}" for line in event.data.split("\n"))
    return f"event: {event.name}{end}id: {event.id}{end}{data}{end}"


@given(_EVENTS, st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_any_cut_of_a_stream_gives_the_same_events(events: list[ServerEvent], end: str, data: st.DataObject) -> None:
    stream = "".join(encoded(event, end) for event in events).encode()
    cuts = data.draw(st.lists(st.integers(0, len(stream))).map(sorted))
    assert feed(*(stream[start:stop] for start, stop in pairwise([0, *cuts, len(stream)]))) == events


@given(_EVENTS, st.sampled_from(["\n", "\r\n", "\r"]))
def test_a_stream_fed_byte_by_byte_gives_the_same_events(events: list[ServerEvent], end: str) -> None:
    stream = "".join(encoded(event, end) for event in events).encode()
    assert feed(*(bytes([byte]) for byte in stream)) == events


@given(st.binary(max_size=200))
def test_no_bytes_upset_the_parser_wherever_they_are_cut(stream: bytes) -> None:
    assert feed(stream) == feed(*(bytes([byte]) for byte in stream))


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [ServerEvent("message", "a")]),
        (b"data:a\n\n", [ServerEvent("message", "a")]),
        (b"data:  a\n\n", [ServerEvent("message", " a")]),
        (b"data\n\n", [ServerEvent("message", "")]),
        (b"data: a\ndata: b\n\n", [ServerEvent("message", "a\nb")]),
        (b": a comment\n\nevent: lonely\n\n", []),
        (b"data: cut off", []),
        (b"data: cut off\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", [ServerEvent("message", "a")]),
        (b"unknown: x\ndata: a\n\n", [ServerEvent("message", "a")]),
        (b"event: x\n\ndata: a\n\n", [ServerEvent("message", "a")]),
        (b"id: 7\n\ndata: a\n\n", [ServerEvent("message", "a", "7")]),
        (b"id: 7\ndata: a\n\ndata: b\n\n", [ServerEvent("message", "a", "7"), ServerEvent("message", "b", "7")]),
        (b"id: 7\nid: bad\0\ndata: a\n\n", [ServerEvent("message", "a", "7")]),
        (b"id: 7\nid\ndata: a\n\n", [ServerEvent("message", "a", "")]),
        (b"data: \xff\n\n", [ServerEvent("message", "\ufffd")]),
    ],
)
def test_the_rules_of_the_standard(stream: bytes, events: list[ServerEvent]) -> None:
    assert feed(stream) == events


def test_an_id_counts_as_seen_only_when_its_event_is_complete() -> None:
    parser = Parser("6")
    parser.feed(b"id: 7\ndata: a\n")
    assert parser.last_id == "6"
    parser.feed(b"\n")
    assert parser.last_id == "7"


@pytest.mark.parametrize(("line", "seconds"), [(b"2500", 2.5), (b"0", 0.0), (b"-1", None), (b"1.5", None), (b"", None)])
def test_retry_is_in_milliseconds_and_digits_only(line: bytes, seconds: float | None) -> None:
    parser = Parser()
    parser.feed(b"retry: " + line + b"\n")
    assert parser.retry == seconds


@pytest.mark.parametrize("chunk", [b"data: " + b"x" * 10_000 + b"\n", b"x" * 10_000])
def test_an_event_without_end_is_refused(chunk: bytes) -> None:
    with pytest.raises(EventTooLarge, match="an event of the stream is larger than 1048576 characters"):
        feed(*[chunk] * 200)


def test_pings_may_go_on_for_ever() -> None:
    parser = Parser()
    for _ in range(200):
        assert parser.feed(b": " + b"p" * 10_000 + b"\n") == []
    assert parser.feed(b"data: a\n\n") == [ServerEvent("message", "a")]
