"""HelmChart: packages the chart in a folder of a source, whenever the source or the spec changes."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import replace

import yaml

from dag_gateway.iac.bare import read_folder
from dag_gateway.simulator import kinds
from dag_gateway.simulator.conditions import without_condition
from dag_gateway.simulator.kinds import Key, Object
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import Change

from .artifacts import Artifacts, Checkout, PackagedChart, described
from .marks import is_requested, marked, ready, reconciling, stalled, with_request_handled

_LENIENT_SEMVER = re.compile(r"v?\d+(\.\d+){0,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
"""What Helm's validation of a chart lets pass (``semver.NewVersion``)."""


class NotAChart(Exception):
    """The folder can not be packaged, and trying again will not help; the text says why."""


class HelmChartController:
    """With ``reconcileStrategy: ChartVersion`` other content under the same version is not packaged again."""

    def __init__(self, registry: Registry, artifacts: Artifacts) -> None:
        self._registry = registry
        self._artifacts = artifacts

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.key.kind is kinds.HELM_CHART:
            return [change.key]
        if change.key.kind is not kinds.GIT_REPOSITORY:
            return []
        charts = self._registry.store.select(kinds.HELM_CHART, change.key.namespace)
        return [
            Key(kinds.HELM_CHART, change.key.namespace, chart["metadata"]["name"])
            for chart in charts
            if chart["spec"]["sourceRef"]["name"] == change.key.name
        ]

    async def reconcile(self, key: Key) -> float | None:
        item = self._registry.store.get(*key)
        if item is None or item["spec"].get("suspend"):
            return None
        ref = item["spec"]["sourceRef"]
        source = self._registry.store.get(kinds.GIT_REPOSITORY, key.namespace, ref["name"])
        revision = ((source or {}).get("status", {}).get("artifact") or {}).get("revision")
        checkout = self._artifacts.checkouts.get((source or {}).get("metadata", {}).get("uid", ""))
        if revision is None or checkout is None:
            self._wait_for_source(key, item, ref)
        elif self._is_outdated(item, revision):
            await self._build(key, item, checkout, revision)
        return None

    def _is_outdated(self, item: Object, revision: str) -> bool:
        status = item.get("status") or {}
        return (
            status.get("observedSourceArtifactRevision") != revision
            or status.get("observedGeneration") != item["metadata"]["generation"]
            or is_requested(item)
        )

    def _wait_for_source(self, key: Key, item: Object, ref: Object) -> None:
        message = f"no artifact available for {ref['kind']} source '{ref['name']}'"
        status = item.get("status") or {}
        status = marked(self._registry, item, status, "Reconciling", "True", "Progressing", message)
        status = marked(self._registry, item, status, "Ready", "False", "NoSourceArtifact", message)
        self._registry.set_status(key, status)

    async def _build(self, key: Key, item: Object, checkout: Checkout, revision: str) -> None:
        status = {**(item.get("status") or {}), "observedSourceArtifactRevision": revision}
        message = f"building artifact: new upstream revision '{revision}'"
        status = reconciling(self._registry, item, status, message)
        self._registry.set_status(key, status)
        folder = item["spec"]["chart"].strip("./")
        found = await asyncio.to_thread(read_folder, checkout.path, checkout.commit, folder)
        try:
            if found is None:
                raise NotAChart(f"chart {folder!r} not found in the source")
            chart = packaged(dict(found.files), item["spec"].get("reconcileStrategy", "ChartVersion"), checkout.commit)
        except NotAChart as error:
            self._registry.set_status(key, self._refused(item, status, f"invalid chart reference: {error}"))
            return
        self._registry.set_status(key, self._accepted(item, status, chart))

    def _refused(self, item: Object, status: Object, message: str) -> Object:
        reason = "InvalidChartReference"
        status = marked(self._registry, item, status, "BuildFailed", "True", reason, message)
        status = marked(self._registry, item, status, "Ready", "False", reason, message)
        return with_request_handled(item, stalled(self._registry, item, status, reason, message))

    def _accepted(self, item: Object, status: Object, chart: PackagedChart) -> Object:
        uid = item["metadata"]["uid"]
        if (status.get("artifact") or {}).get("revision") != chart.version:
            self._artifacts.charts[uid] = chart
            status["artifact"] = described(self._registry, item, chart.version)
        message = f"packaged '{chart.metadata['name']}' chart with version '{chart.version}'"
        status = without_condition({**status, "observedChartName": chart.metadata["name"]}, "BuildFailed")
        status = marked(self._registry, item, status, "ArtifactInStorage", "True", "ChartPackageSucceeded", message)
        return with_request_handled(item, ready(self._registry, item, status, "ChartPackageSucceeded", message))


def packaged(files: dict[str, bytes], strategy: str, commit: str) -> PackagedChart:
    """The chart in a folder; with the strategy ``Revision`` the commit becomes the build part of its version."""
    try:
        metadata = yaml.safe_load(files.get("Chart.yaml", b""))
    except yaml.YAMLError as error:
        raise NotAChart(f"cannot load Chart.yaml: {error}") from error
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise NotAChart("Chart.yaml file is missing or has no name")
    version = str(metadata.get("version", ""))
    if not _LENIENT_SEMVER.fullmatch(version):
        raise NotAChart(f"validation: chart.metadata.version {version!r} is invalid")
    chart = PackagedChart(metadata, files)
    if strategy != "Revision":
        return chart
    stamped = {**metadata, "version": f"{version.partition('+')[0]}+{commit[:12]}"}
    return replace(chart, metadata=stamped, files={**files, "Chart.yaml": yaml.safe_dump(stamped).encode()})
