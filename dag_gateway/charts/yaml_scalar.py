"""What a plain YAML scalar means to Helm: the rules of its parser (sigs.k8s.io/yaml, goyaml.v2 ``resolve.go``).

They are not those of PyYAML: dates and ``1:30`` are strings, ``1e3`` is a number, ``y`` is true.
"""

import re

Scalar = str | int | float | bool | None

_BOOLS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_NOT_JSON = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NUMBER_START = frozenset("+-.0123456789")
_INT = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])_(?=[0-9])")
_BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
# The longest number of 64 bits, in binary.
_LONGEST_INT = 70


def resolve(text: str) -> Scalar:
    """The value of an unquoted, untagged scalar. Raises ValueError for infinity and NaN, which JSON does not have."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _NOT_JSON.fullmatch(text):
        raise ValueError(f"{text} is not a value in JSON")
    return _number(text) if text[0] in _NUMBER_START else text


def _number(text: str) -> Scalar:
    plain = _BETWEEN_DIGITS.sub("", text) if text.startswith(".") else text.replace("_", "")
    match = _INT.fullmatch(plain)
    if match and len(plain) <= _LONGEST_INT:
        base = next(name for name in _BASES if match[name] is not None)
        value = int(match["sign"] + match[base], _BASES[base])
        if -(2**63) <= value < 2**64:
            return value
    if not _FLOAT.fullmatch(plain):
        return text
    number = float(plain)
    return text if number in (float("inf"), float("-inf")) else number
