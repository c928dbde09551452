"""What charts reads out of YAML is what real Helm reads out of it."""

import helm_python as helm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dag_gateway.charts import InvalidValues, parse_values

# The characters that numbers, dates, booleans and nulls are made of.
SCALARS = st.text("0123456789abcdefxobeEyYnNtrueflsTRUEOo_+-.:~ ", min_size=1, max_size=7).map(str.strip)


def both(text: str) -> tuple[object, object]:
    """What we and what Helm make of it; None where it is refused."""
    try:
        ours = parse_values(text.encode())
    except InvalidValues:
        ours = None
    try:
        theirs = helm.values_from_yaml(text)
    except helm.HelmValuesError:
        theirs = None
    return ours, theirs


@given(SCALARS)
@settings(max_examples=300)
def test_a_plain_scalar_means_the_same(scalar: str) -> None:
    ours, theirs = both(f"a: {scalar}\n")
    assert ours == theirs


@given(SCALARS)
@settings(max_examples=300)
def test_a_plain_key_means_the_same_or_is_refused(scalar: str) -> None:
    ours, theirs = both(f"? {scalar}\n: 1\n")
    assert ours in (theirs, None)


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n<<: {a: 2}\n",
        "<<: {a: 2}\na: 1\n",
        "<<: [{a: 2}, {a: 3, b: 1}]\n",
        "a: &x [1]\nb: *x\n",
        "a: 1\na: 2\n",
        "a: 1\n...\nb: 2\n",
        "a: !!int '5'\nb: !!float 5\nc: !!bool yes\nd: !!str 5\n",
        "a: |\n  x\n  y\nb: >-\n  x\n  y\nc: 'x\n\n  y'\n",
        "\ufeffa: 1\n",
        "a: b\r\nc: d\r\n",
        "a: .inf\n",
        "~: 1\n",
        "[a]: 1\n",
        "<<: 5\n",
        "a: !!int x\n",
        "a: &b {c: *b}\n",
    ],
)
def test_structure_means_the_same(text: str) -> None:
    ours, theirs = both(text)
    assert ours == theirs
