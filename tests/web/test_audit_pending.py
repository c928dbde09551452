"""What waits to be written into the audit log is bounded, and nothing that was told is uncounted."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from dag_gateway.model.audit import AuditEntry
from dag_gateway.web.audit import Pending

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ENTRY = AuditEntry(NOON, "", "192.0.2.1", "deploy", "unverified", "first", {"message": "no"})
STRANGERS, VERIFIED = 100, 10_000

entries = st.builds(
    AuditEntry,
    at=st.just(NOON),
    actor=st.sampled_from(["", "key:a", "job:git/b"]),
    address=st.integers(0, 300).map(str),
    action=st.sampled_from(["deploy", "get_chart"]),
    outcome=st.sampled_from(["allowed", "unverified"]),
    request_id=st.just("x"),
    data=st.dictionaries(st.sampled_from(["app", "message"]), st.sampled_from(["p", "q"])),
)


def told(pending: Pending) -> "Counter[tuple[str, str]]":
    counted: Counter[tuple[str, str]] = Counter()
    for row in pending.rows():
        counted[row.action, row.outcome] += int(row.data.get("count", 1))
    return counted


@settings(max_examples=30)
@given(earlier=st.lists(entries, max_size=300), later=st.lists(entries, max_size=300))
def test_everything_is_counted_and_strangers_make_few_rows(earlier: list[AuditEntry], later: list[AuditEntry]) -> None:
    pending, newer = Pending(), Pending()
    for entry in earlier:
        pending.add(entry)
    for entry in later:
        newer.add(entry)
    pending.absorb(newer)
    assert told(pending) == Counter((entry.action, entry.outcome) for entry in [*earlier, *later])
    # Beyond those there is one for each action and outcome.
    assert sum(not row.actor for row in pending.rows()) <= STRANGERS + 4


def test_alike_refusals_are_one_row_with_the_first_and_the_time_of_the_last() -> None:
    pending = Pending()
    pending.add(ENTRY)
    pending.add(replace(ENTRY, at=NOON + timedelta(seconds=1), request_id="second", data={"message": "another"}))
    (row,) = pending.rows()
    assert (row.at, row.request_id) == (NOON, "first")
    assert row.data == {"message": "no", "count": 2, "last": "2026-01-31T12:00:01.000Z"}


def test_a_stranger_makes_no_more_rows_with_all_addresses_of_its_network() -> None:
    pending = Pending()
    for number in range(200):
        pending.add(replace(ENTRY, address=f"2001:db8::{number:x}"))
    (row,) = pending.rows()
    assert (row.address, row.data["count"]) == ("2001:db8::0", 200)


def test_what_a_verified_one_did_to_two_apps_is_two_rows() -> None:
    pending = Pending()
    for app in ("web", "shop"):
        pending.add(replace(ENTRY, actor="key:oncall", data={"app": app}))
    assert {row.data["app"] for row in pending.rows()} == {"web", "shop"}


def test_a_flood_from_everywhere_is_counted_without_addresses() -> None:
    pending = Pending()
    for number in range(5 * STRANGERS):
        pending.add(replace(ENTRY, address=str(number), at=NOON + timedelta(seconds=number)))
    rows = pending.rows()
    assert len(rows) == len(pending) == STRANGERS + 1
    beyond = rows[-1]
    assert (beyond.address, beyond.request_id, beyond.data["count"]) == ("", "", 4 * STRANGERS)
    assert "message" not in beyond.data


def test_a_flood_of_somebody_verified_is_bounded_too() -> None:
    pending = Pending()
    for number in range(VERIFIED + 5):
        pending.add(replace(ENTRY, actor="key:oncall", data={"app": str(number)}))
    assert len(pending) == VERIFIED + 1
    assert (pending.rows()[-1].actor, pending.rows()[-1].data["count"]) == ("", 5)
