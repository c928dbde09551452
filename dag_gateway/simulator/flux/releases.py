"""HelmRelease: keeps its HelmChart, and installs or upgrades when there is something new."""

from collections.abc import Iterable

from dag_gateway.charts import pack
from dag_gateway.helm import Helm
from dag_gateway.model.reason import StepFailed
from dag_gateway.simulator import helm_storage, kinds
from dag_gateway.simulator.conditions import holds
from dag_gateway.simulator.helm_actions import Action, ActionFailed, perform, rollback, uninstall
from dag_gateway.simulator.kinds import Key, Object
from dag_gateway.simulator.pace import Pace
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import Change

from . import release_status as outcome
from .artifacts import Artifacts, PackagedChart
from .marks import duration, is_requested
from .source_of import chart_key, chart_spec, not_ready

_FINALIZER = "finalizers.fluxcd.io"
_MANAGER = "helm-controller"


class HelmReleaseController:
    """A release that failed for good is left alone until its chart, its spec or its values change."""

    def __init__(self, registry: Registry, artifacts: Artifacts, helm: Helm, pace: Pace) -> None:
        self._registry = registry
        self._artifacts = artifacts
        self._helm = helm
        self._pace = pace

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.key.kind is kinds.HELM_RELEASE:
            return [change.key]
        if change.key.kind is not kinds.HELM_CHART:
            return []
        releases = self._registry.store.select(kinds.HELM_RELEASE)
        places = [Key(kinds.HELM_RELEASE, item["metadata"]["namespace"], item["metadata"]["name"]) for item in releases]
        return [place for place, item in zip(places, releases, strict=True) if chart_key(item) == change.key]

    async def reconcile(self, key: Key) -> float | None:
        item = self._registry.store.get(*key)
        if item is None:
            return None
        if "deletionTimestamp" in item["metadata"]:
            return self._uninstall(key, item)
        if item["spec"].get("suspend"):
            return None
        item = self._with_finalizer(key, item)
        chart = self._chart(key, item)
        if chart is not None and self._is_new(item, chart):
            return await self._release(key, item, chart)
        return None

    def _with_finalizer(self, key: Key, item: Object) -> Object:
        if _FINALIZER in (item["metadata"].get("finalizers") or []):
            return item
        return self._registry.replace(key, {**item, "metadata": {**item["metadata"], "finalizers": [_FINALIZER]}})

    def _chart(self, key: Key, item: Object) -> PackagedChart | None:
        """The packaged chart when it is there and up to date; otherwise says what is missing."""
        place = chart_key(item)
        self._keep_chart(place, item)
        status = {**(item.get("status") or {}), "helmChart": f"{place.namespace}/{place.name}"}
        source = self._registry.read(place)
        problem = not_ready(source)
        chart = self._artifacts.charts.get(source["metadata"]["uid"])
        if problem or chart is None:
            message = (
                f"HelmChart '{place.namespace}/{place.name}' is not ready: {problem or 'does not have an artifact'}"
            )
            self._registry.set_status(key, outcome.waits_for_source(self._registry, item, status, message))
            return None
        return chart

    def _keep_chart(self, place: Key, item: Object) -> None:
        wanted, live = chart_spec(item), self._registry.store.get(*place)
        if live is None:
            chart = {"metadata": {"name": place.name}, "spec": wanted}
            self._registry.create(kinds.HELM_CHART, place.namespace, chart)
        elif live["spec"] != wanted:
            self._registry.replace(place, {**live, "spec": wanted})

    def _is_new(self, item: Object, chart: PackagedChart) -> bool:
        """Whether this chart, with these values, was not attempted yet; or somebody asked after it had failed."""
        status = item.get("status") or {}
        attempt = (status.get("lastAttemptedRevision"), status.get("lastAttemptedConfigDigest"))
        if attempt != (chart.version, outcome.digest(item["spec"].get("values") or {})):
            return True
        if status.get("observedGeneration") != item["metadata"]["generation"]:
            return True
        if holds(status, "Reconciling"):
            return True
        return is_requested(item)

    async def _release(self, key: Key, item: Object, chart: PackagedChart) -> float | None:
        status = {**(item.get("status") or {}), "helmChart": "/".join(chart_key(item)[1:])}
        if self._in_sync(item, status, chart):
            newest = helm_storage.history(self._registry, _storage(item), _name(item))[0]
            self._registry.set_status(key, outcome.succeeded(self._registry, item, status, newest))
            return None
        if status.get("lastAttemptedRevision") != chart.version:
            status = {name: value for name, value in status.items() if not name.lower().endswith("failures")}
        verb = "upgrade" if helm_storage.history(self._registry, _storage(item), _name(item)) else "install"
        status = outcome.attempted(self._registry, item, status, verb, chart.version)
        self._registry.set_status(key, status)
        try:
            release = await self._perform(item, chart, verb)
        except (ActionFailed, StepFailed) as error:
            left = error.release if isinstance(error, ActionFailed) else None
            status = outcome.failed(self._registry, item, status, left, str(error))
            return self._after_failure(key, item, status, verb)
        self._registry.set_status(key, outcome.succeeded(self._registry, item, status, release))
        return None

    def _in_sync(self, item: Object, status: Object, chart: PackagedChart) -> bool:
        newest = (status.get("history") or [{}])[0]
        wanted = (chart.version, outcome.digest(item["spec"].get("values") or {}), "deployed")
        return (newest.get("chartVersion"), newest.get("configDigest"), newest.get("status")) == wanted

    async def _perform(self, item: Object, chart: PackagedChart, verb: str) -> helm_storage.Release:
        values, namespace, name = item["spec"].get("values") or {}, _namespace(item), _name(item)
        archive = pack(chart.metadata["name"], chart.files)
        rendered = await self._helm.render(archive, release=name, namespace=namespace, values=values)
        seconds = self._pace.deadline(duration(item["spec"].get("timeout", "5m")))
        waits = not (item["spec"].get(verb) or {}).get("disableWait")
        labels = {
            "helm.toolkit.fluxcd.io/name": item["metadata"]["name"],
            "helm.toolkit.fluxcd.io/namespace": item["metadata"]["namespace"],
        }
        action = Action(
            name,
            namespace,
            _storage(item),
            chart.metadata,
            values,
            rendered,
            seconds if waits else None,
            labels,
            _MANAGER,
        )
        return await perform(self._registry, action, seconds)

    def _after_failure(self, key: Key, item: Object, status: Object, verb: str) -> float | None:
        """Roll back where that is asked for, then retry or give up. Without ``retries`` there is no remediation."""
        remediation = (item["spec"].get(verb) or {}).get("remediation") or {}
        retries = remediation.get("retries", 0)
        left = retries < 0 or status["failures"] <= retries
        if verb == "upgrade" and (left or remediation.get("remediateLastFailure", retries != 0)):
            back = rollback(self._registry, _storage(item), _name(item))
            status = outcome.rolled_back(self._registry, item, status, back) if back else status
        if left:
            self._registry.set_status(key, outcome.to_retry(self._registry, item, status))
            return self._pace.step(1.0)
        self._registry.set_status(key, outcome.given_up(self._registry, item, status))
        return None

    def _uninstall(self, key: Key, item: Object) -> float | None:
        uninstall(self._registry, _storage(item), _namespace(item), _name(item))
        place = chart_key(item)
        if self._registry.store.get(*place) is not None:
            self._registry.delete(place)
        self._registry.replace(key, {**item, "metadata": {**item["metadata"], "finalizers": []}})
        return None


def _namespace(item: Object) -> str:
    return str(item["spec"].get("targetNamespace") or item["metadata"]["namespace"])


def _storage(item: Object) -> str:
    return str(item["spec"].get("storageNamespace") or item["metadata"]["namespace"])


def _name(item: Object) -> str:
    """``spec.releaseName``, or the name with the target namespace before it where there is one."""
    spec, name = item["spec"], item["metadata"]["name"]
    composed = f"{spec['targetNamespace']}-{name}" if spec.get("targetNamespace") else name
    return str(spec.get("releaseName") or composed)
