from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_gateway.clusters.quantities import same_quantity

SAME = [
    ("1000m", "1"),
    ("1000m", 1),
    ("0.5", "500m"),
    (".5", "500m"),
    ("1.", "1"),
    ("1Gi", "1024Mi"),
    ("1.5Gi", "1536Mi"),
    ("1G", "1000M"),
    ("1e3", "1k"),
    ("1E3", "1000"),
    ("1E", "1000P"),
    ("1000n", "1u"),
    ("-1", -1),
    (0.1, "100m"),
]
OTHER = [
    ("1Gi", "1G"),
    ("1", "2"),
    ("one", "one"),
    ("", ""),
    (None, None),
    (True, 1),
    ("1Zi", "1Zi"),
    ("1e999", "1e999"),
    ("١", "1"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_one_amount_has_many_spellings(first: object, second: object) -> None:
    assert same_quantity(first, second)


@pytest.mark.parametrize(("first", "second"), OTHER)
def test_other_amounts_and_other_things_are_not_the_same(first: object, second: object) -> None:
    assert not same_quantity(first, second)


@given(st.integers(min_value=0, max_value=10**12), st.integers(min_value=0, max_value=10**12))
def test_milli_units_are_compared_exactly(first: int, second: int) -> None:
    assert same_quantity(f"{first}m", f"{second}m") == (Fraction(first, 1000) == Fraction(second, 1000))
    assert same_quantity(f"{first}Ki", f"{first * 1024}")
