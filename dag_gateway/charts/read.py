"""An uploaded archive in, a checked chart out."""

from typing import BinaryIO

from dag_gateway.model.chart import Chart

from .archive import CHART_YAML, read_files
from .dependencies import check_vendored
from .limits import Limits
from .metadata import metadata_of, read_chart_yaml
from .refusal import InvalidChart
from .stamp import check_stampable

# The version that is stamped into the chart is up to 110 characters longer, and the store has 400 for it.
_LONGEST_VERSION = 250


def read_chart(archive: BinaryIO | bytes, limits: Limits) -> Chart:
    """The chart in a .tgz, in memory and checked; paths are without the top folder.

    Raises InvalidChart when the archive or its ``Chart.yaml`` breaks a rule, ChartTooLarge over a limit.
    """
    files = read_files(archive, limits)
    document = read_chart_yaml(files[CHART_YAML])
    metadata = metadata_of(document)
    if len(metadata.version) > _LONGEST_VERSION:
        raise InvalidChart(
            f"Chart.yaml: version has {len(metadata.version)} characters; at most {_LONGEST_VERSION} are taken"
        )
    check_stampable(files[CHART_YAML], document)
    check_vendored(document, files, limits)
    return Chart(metadata, files)
