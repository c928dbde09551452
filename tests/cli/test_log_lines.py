"""The words of a rollout, in logs of every kind."""

import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from dag_gateway.cli.ci import Ci, CiSystem
from dag_gateway.cli.lines import clean, lines_of, update_lines
from dag_gateway.cli.show import LogView, TerminalView, View, view_for
from dag_gateway.cli.sse import ServerEvent
from dag_gateway.cli.updates import StatusUpdate, TargetUpdate, Update, update_of
from tests.fakes.skipping_clock import SkippingClock

CLOCK = SkippingClock(datetime(2026, 1, 31, 12, 0, tzinfo=UTC))
TARGET = TargetUpdate("production/shop/web", "monitoring", "web: 1/3 pods ready", 1, 3)


def event(name: str, data: object) -> ServerEvent:
    return ServerEvent(name, json.dumps(data))


@pytest.mark.parametrize(
    ("event", "update"),
    [
        (event("status", {"status": "pending", "message": "accepted"}), StatusUpdate("pending", "accepted")),
        (
            event("status", {"status": "pushed", "commit": "abc", "commitUrl": "https://x", "reason": None, "new": 1}),
            StatusUpdate("pushed", commit="abc", commit_url="https://x"),
        ),
        (event("target", {"target": {"id": "a/b/c", "status": "pending"}}), TargetUpdate("a/b/c", "pending")),
        (
            event("target", {"target": {"id": "a/b/c", "status": "x", "message": "m", "ready": 1, "desired": True}}),
            TargetUpdate("a/b/c", "x", "m", 1, None),
        ),
        (event("heartbeat", {}), None),
        (event("new-kind", {"status": "pending"}), None),
        (event("status", {}), None),
        (event("status", {"status": 7}), None),
        (event("status", {"status": "::error::x"}), None),
        (event("status", ["pending"]), None),
        (event("target", {"target": "web"}), None),
        (event("target", {"target": {}}), None),
        (ServerEvent("status", "no json"), None),
        (ServerEvent("status", "[" * 100_000), None),
    ],
)
def test_an_event_is_read_or_passed_over(event: ServerEvent, update: Update | None) -> None:
    assert update_of(event) == update


@pytest.mark.parametrize(
    ("status", "terminal", "deployed"),
    [
        ("pending", False, False),
        ("monitoring", False, False),
        ("new_word", False, False),
        ("failed", True, False),
        ("deployed", True, True),
    ],
)
def test_only_the_known_ends_are_ends(status: str, terminal: bool, deployed: bool) -> None:
    assert (StatusUpdate(status).terminal, StatusUpdate(status).deployed) == (terminal, deployed)


@pytest.mark.parametrize(
    ("update", "lines"),
    [
        (StatusUpdate("pending"), ["pending"]),
        (StatusUpdate("validating", "linting"), ["validating: linting"]),
        (StatusUpdate("pushed", "one commit", commit="abc"), ["pushed: one commit", "  | abc"]),
        (StatusUpdate("pushed", "", commit="abc", commit_url="https://x/abc"), ["pushed", "  | https://x/abc"]),
        (StatusUpdate("monitoring", commit="abc"), ["monitoring"]),
        (
            StatusUpdate("failed", "web-1 crashed\nit said:\nboom\n", "crash_loop"),
            ["failed (crash_loop): web-1 crashed", "  | it said:", "  | boom"],
        ),
        (TARGET, ["target production/shop/web monitoring 1/3: web: 1/3 pods ready"]),
        (TargetUpdate("a/b/c", "pending"), ["target a/b/c pending"]),
    ],
)
def test_an_update_is_one_line_and_its_details_below(update: Update, lines: list[str]) -> None:
    assert update_lines(update) == lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\r\nc", "a\tb\nc"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\rb\x85\u2028", "a\\rb\\x85\\u2028"),
        ("##[error]x", "## [error]x"),
        ("ü ✓", "ü ✓"),
        ("\udc80", "\\udc80"),
    ],
)
def test_text_from_elsewhere_can_not_command_the_terminal(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_no_line_of_a_message_reaches_the_runner_as_a_command() -> None:
    lines = lines_of("dag", "first\n::set-env name=X::y\n  ::stop-commands::z", "::error::commit")
    assert not [line for line in lines if line.lstrip().startswith("::")]


def test_a_message_without_end_is_cut() -> None:
    assert len(clean("x" * 1_000_000)) == 65536


def told(view: View) -> None:
    with view, view.stage("dag_rollout", "Deployment 1"):
        view.note("accepted\n::error::x")
        view.sent(5, 10)
        view.sent(10, 10)
        view.update(TARGET)
        view.update(TARGET)
        view.update(StatusUpdate("deployed", "[bold]all\x1b is well"))


LOG = [
    "dag: accepted",
    "  | ::error::x",
    "dag: sent 10 bytes",
    "target production/shop/web monitoring 1/3: web: 1/3 pods ready",
    "deployed: [bold]all\\x1b is well",
]


@pytest.mark.parametrize(
    ("system", "before", "after"),
    [
        (CiSystem.NONE, ["Deployment 1"], []),
        (CiSystem.ACTIONS, ["::group::Deployment 1"], ["::endgroup::"]),
        (
            CiSystem.GITLAB,
            ["\x1b[0Ksection_start:1769860800:dag_rollout\r\x1b[0KDeployment 1"],
            ["\x1b[0Ksection_end:1769860800:dag_rollout\r\x1b[0K"],
        ),
    ],
)
def test_a_log_has_the_sections_of_its_ci_system(system: CiSystem, before: list[str], after: list[str]) -> None:
    out = io.StringIO(newline="")
    told(LogView(out, system, CLOCK))
    assert out.getvalue().split("\n") == [*before, *LOG, *after, ""]


def test_a_section_is_closed_when_the_stage_fails() -> None:
    out = io.StringIO()
    view = LogView(out, CiSystem.ACTIONS, CLOCK)
    with pytest.raises(KeyError, match="gone"), view.stage("x", "X"):
        raise KeyError("gone")
    assert out.getvalue() == "::group::X\n::endgroup::\n"


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)


def test_a_terminal_has_bars_and_shows_messages_as_they_are() -> None:
    console = terminal()
    told(TerminalView(console))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "deployed: [bold]all\\x1b is well" in shown
    assert "target production/shop/web monitoring 1/3" in shown
    assert "10 of 10 bytes" in shown


@pytest.mark.parametrize(
    "update",
    [
        TargetUpdate("a", "pending"),
        TargetUpdate("a", "deployed", ready=2, desired=2),
        TargetUpdate("a", "deployed"),
        TargetUpdate("a", "failed", "x\ny", 0, 2),
    ],
)
def test_a_target_of_any_state_has_a_bar(update: TargetUpdate) -> None:
    console = terminal()
    with TerminalView(console) as view:
        view.update(update)
    assert isinstance(console.file, io.StringIO)
    assert f"target a {update.status}" in console.file.getvalue()


def test_a_terminal_outside_of_ci_gets_bars_and_all_else_gets_lines() -> None:
    assert isinstance(view_for(Ci(), terminal(), CLOCK), TerminalView)
    assert isinstance(view_for(Ci(CiSystem.GITLAB), terminal(), CLOCK), LogView)
    assert isinstance(view_for(Ci(), Console(file=io.StringIO(), force_terminal=False), CLOCK), LogView)
