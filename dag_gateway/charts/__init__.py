"""Chart archives: bytes in, checked files out. Pure: no input and output, nothing is ever extracted to disk.

Belongs here: safe reading, the rules of ``Chart.yaml``, version stamping, reproducible packing, values.
"""

from .limits import Limits
from .metadata import parse_metadata
from .pack import pack, packing
from .read import read_chart
from .refusal import ChartTooLarge, InvalidChart
from .stamp import stamp
from .values import InvalidValues, parse_values

__all__ = [
    "ChartTooLarge",
    "InvalidChart",
    "InvalidValues",
    "Limits",
    "pack",
    "packing",
    "parse_metadata",
    "parse_values",
    "read_chart",
    "stamp",
]
