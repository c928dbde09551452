"""From a HelmRelease to the HelmChart that it is released from."""

from dag_gateway.simulator import kinds
from dag_gateway.simulator.conditions import condition, holds
from dag_gateway.simulator.kinds import Key, Object


def chart_key(release: Object) -> Key:
    """``<namespace>-<name>`` of the release, in the namespace of the source."""
    metadata = release["metadata"]
    ref = release["spec"]["chart"]["spec"]["sourceRef"]
    namespace = ref.get("namespace") or metadata["namespace"]
    return Key(kinds.HELM_CHART, namespace, f"{metadata['namespace']}-{metadata['name']}")


def chart_spec(release: Object) -> Object:
    """The spec of the HelmChart that the release asks for."""
    spec = release["spec"]
    template = spec["chart"]["spec"]
    ref = template["sourceRef"]
    return {
        "chart": template["chart"],
        "version": template.get("version", "*"),
        "interval": template.get("interval") or spec.get("interval", "1m"),
        "reconcileStrategy": template.get("reconcileStrategy", "ChartVersion"),
        "sourceRef": {"kind": ref["kind"], "name": ref["name"]},
    }


def not_ready(chart: Object) -> str:
    """Why a HelmChart can not be released from; empty when it can."""
    status = chart.get("status") or {}
    if status.get("observedGeneration") != chart["metadata"]["generation"]:
        return "latest generation of object has not been reconciled"
    ready = condition(status, "Ready")
    if holds(status, "Stalled") or (ready and ready["status"] == "False"):
        return str(ready["message"]) if ready else "stalled"
    return "" if status.get("artifact") else "does not have an artifact"
