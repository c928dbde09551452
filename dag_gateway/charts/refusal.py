"""Why a chart is refused at the door."""

from dag_gateway.errors import Invalid, TooLarge


class InvalidChart(Invalid):
    """The upload is not a chart that can be deployed; the message names the entry and the rule."""

    code = "invalid_chart"


class ChartTooLarge(TooLarge):
    """The chart is over a limit of the configuration; the message names the entry, the limit and its value."""

    code = "chart_too_large"


def shown(name: str | bytes) -> str:
    """A name from an archive as it may stand in a message: quoted, printable, at most 120 characters of it."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
    return ascii(text[:120]) if not text.isprintable() else repr(text[:120])
