"""Kubernetes quantities: ``1000m`` is ``1``, ``1Gi`` is ``1024Mi``."""

import re
from fractions import Fraction

# The grammar of apimachinery ``pkg/api/resource/quantity.go``; lengths are bounded, because 1E999999999 is large.
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40}))"
    r"(?:(?P<suffix>[KMGTPE]i|[numkMGTPE])|[eE](?P<exponent>[+-]?\d{1,2}))?",
    re.ASCII,
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_SCALES = {
    **{suffix: Fraction(10) ** power for suffix, power in _DECIMAL.items()},
    **{suffix: Fraction(1024) ** power for suffix, power in _BINARY.items()},
}


def same_quantity(first: object, second: object) -> bool:
    """Whether both are quantities of the same amount, in whatever spelling."""
    amount = _amount(first)
    return amount is not None and amount == _amount(second)


def _amount(value: object) -> Fraction | None:
    """None for what is no quantity."""
    found = None if isinstance(value, bool) else _QUANTITY.fullmatch(str(value))
    if found is None:
        return None
    scale = _SCALES[found["suffix"]] if found["suffix"] else Fraction(10) ** int(found["exponent"] or 0)
    return Fraction(found["number"].rstrip(".")) * scale
