"""Figures as people read them: medians, ratios, and targets that are met or missed."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Target:
    what: str
    bound: str
    measured: str
    met: bool


def at_least(what: str, bound: float, measured: float, unit: str = "x") -> Target:
    return Target(what, f">= {bound:g}{unit}", f"{measured:.2f}{unit}", measured >= bound)


def at_most(what: str, bound: float, measured: float, unit: str = "x") -> Target:
    return Target(what, f"<= {bound:g}{unit}", f"{measured:.2f}{unit}", measured <= bound)


def median(seconds: Sequence[float]) -> float:
    """Not a number, which meets no target, when nothing was measured."""
    return statistics.median(seconds) if seconds else math.nan


def p95(seconds: Sequence[float]) -> float:
    """Not a number when less than two were measured."""
    return statistics.quantiles(seconds, n=20)[-1] if len(seconds) > 1 else math.nan


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"


def print_table(console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The first column holds names, the others numbers."""
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def print_targets(console: Console, targets: Sequence[Target]) -> None:
    rows = [(one.what, one.bound, one.measured, "met" if one.met else "MISSED") for one in targets]
    print_table(console, "targets", ("", "target", "measured", ""), rows)
