"""``values.yaml`` as JSON."""

from typing import Any

from dag_gateway.errors import Invalid

from .yaml_json import read_mapping


class InvalidValues(Invalid):
    """``values.yaml`` can not be read; the message names line and column."""

    code = "invalid_values"


def parse_values(content: bytes) -> dict[str, Any]:
    """The values as Helm reads them; an empty file is ``{}``.

    Raises InvalidValues for malformed YAML, for what JSON can not say (infinity, a null key), and for anything but
    a mapping.
    """
    return read_mapping(content, "values.yaml", InvalidValues, unique_keys=False)
