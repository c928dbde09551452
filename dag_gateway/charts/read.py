"""An uploaded archive in, a checked chart out."""

from typing import BinaryIO

from dag_gateway.model.chart import Chart

from .archive import CHART_YAML, read_files
from .dependencies import check_vendored
from .limits import Limits
from .metadata import metadata_of, read_chart_yaml


def read_chart(archive: BinaryIO | bytes, limits: Limits) -> Chart:
    """The chart in a .tgz, in memory and checked; paths are without the top folder.

    Raises InvalidChart when the archive or its ``Chart.yaml`` breaks a rule, ChartTooLarge over a limit.
    """
    files = read_files(archive, limits)
    document = read_chart_yaml(files[CHART_YAML])
    metadata = metadata_of(document)
    check_vendored(document, files, limits)
    return Chart(metadata, files)
