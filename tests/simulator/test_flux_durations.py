import pytest

from dag_gateway.simulator.flux.marks import duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h30m", 5400), ("5m0s", 300), ("250ms", 0.25)]
)
def test_durations_are_written_as_in_go(text: str, seconds: float) -> None:
    assert duration(text) == seconds
