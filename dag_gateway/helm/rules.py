"""What the gateway asks of a chart that Helm has loaded and would install."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python as helm

# What a release is found by, and whether there is one at all.
_KEYS = ("name", "version", "type")


def broken_chart_rule(chart: helm.Chart, folder: Path) -> str | None:
    """Why ``chart``, which was loaded from ``folder``, is not deployed; None for a good one.

    Helm reads more than the keys of ``Chart.yaml``: the same in other letters (``Version``), and over them those of
    ``requirements.yaml`` (Helm 4, pkg/chart/v2/loader/load.go).
    """
    metadata = chart.metadata
    written = helm.values_from_yaml((folder / "Chart.yaml").read_text("utf-8-sig", "replace"))
    key = next((key for key in _KEYS if (metadata.get(key) or "") != (written.get(key) or "")), None)
    if key is not None:
        return (
            f"Helm reads the {key} {metadata.get(key)!r}, which is not what Chart.yaml has under `{key}`; "
            "write it there alone, not in requirements.yaml, and not under the same key in other letters"
        )
    missing = _missing_dependency(metadata, {loaded.get("name") for loaded in chart.dependencies})
    if missing is not None:
        return (
            f"the dependency {missing!r} is not in charts/; "
            "run `helm dependency build` before the chart is uploaded, and do not name it in .helmignore"
        )
    return None


def _missing_dependency(metadata: Mapping[str, Any], loaded: set[Any]) -> str | None:
    declared = (entry.get("name", "") for entry in metadata.get("dependencies") or ())
    return next((name for name in declared if name not in loaded), None)
