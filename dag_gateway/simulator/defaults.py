"""What the API server fills in when an object is created."""

from collections.abc import Callable, Mapping
from typing import Any

from . import kinds
from .kinds import Kind, Object


def with_defaults(kind: Kind, item: Object) -> Object:
    """The object with the defaults of its kind in the spec, and the status that it is born with."""
    fill = _DEFAULTS.get(kind)
    return fill(item) if fill else item


def _spec(item: Object, **defaults: Any) -> Object:
    return {**item, "spec": {**defaults, **(item.get("spec") or {})}}


def _pod_spec(spec: Object) -> Object:
    filled = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        **spec,
    }
    for field in ("containers", "initContainers"):
        if field in filled:
            filled[field] = [_container(container) for container in filled[field]]
    return filled


def _container(container: Object) -> Object:
    image = str(container.get("image", ""))
    pull = "Always" if ":" not in image.rsplit("/", 1)[-1] or image.endswith(":latest") else "IfNotPresent"
    return {
        "imagePullPolicy": pull,
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        **container,
    }


def _template(item: Object) -> Object:
    template = item["spec"].get("template") or {}
    filled = {**template, "spec": _pod_spec(template.get("spec") or {})}
    return {**item, "spec": {**item["spec"], "template": filled}}


def _pod(item: Object) -> Object:
    status = {"phase": "Pending", "qosClass": "BestEffort"}
    return {**item, "spec": _pod_spec(item.get("spec") or {}), "status": status}


def _deployment(item: Object) -> Object:
    filled = _template(
        _spec(
            item,
            replicas=1,
            strategy={"type": "RollingUpdate"},
            revisionHistoryLimit=10,
            progressDeadlineSeconds=600,
        )
    )
    strategy = filled["spec"]["strategy"]
    if strategy.get("type", "RollingUpdate") == "RollingUpdate":
        rolling = {"maxUnavailable": "25%", "maxSurge": "25%", **(strategy.get("rollingUpdate") or {})}
        filled["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": rolling}
    return filled


def _stateful_set(item: Object) -> Object:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    return _template(
        _spec(item, replicas=1, podManagementPolicy="OrderedReady", updateStrategy=strategy, revisionHistoryLimit=10)
    )


def _daemon_set(item: Object) -> Object:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    return _template(_spec(item, updateStrategy=strategy, revisionHistoryLimit=10))


def _job(item: Object) -> Object:
    filled = _template(
        _spec(item, parallelism=1, completions=1, backoffLimit=6, completionMode="NonIndexed", suspend=False)
    )
    uid = item["metadata"]["uid"]
    labels = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": item["metadata"]["name"]}
    template = filled["spec"]["template"]
    metadata = template.get("metadata") or {}
    template["metadata"] = {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}
    filled["spec"].setdefault("selector", {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})
    return filled


def _service(item: Object) -> Object:
    uid = int(item["metadata"]["uid"].replace("-", "")[:4], 16)
    address = f"10.96.{uid // 256}.{uid % 256}"
    return {**_spec(item, type="ClusterIP", clusterIP=address, sessionAffinity="None"), "status": {"loadBalancer": {}}}


def _bound_claim(item: Object) -> Object:
    return {**item, "status": {"phase": "Bound", "accessModes": (item.get("spec") or {}).get("accessModes", [])}}


def _namespace(item: Object) -> Object:
    return {**item, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}


_DEFAULTS: Mapping[Kind, Callable[[Object], Object]] = {
    kinds.POD: _pod,
    kinds.DEPLOYMENT: _deployment,
    kinds.REPLICA_SET: lambda item: _template(_spec(item, replicas=1)),
    kinds.STATEFUL_SET: _stateful_set,
    kinds.DAEMON_SET: _daemon_set,
    kinds.JOB: _job,
    kinds.SERVICE: _service,
    kinds.VOLUME_CLAIM: _bound_claim,
    kinds.NAMESPACE: _namespace,
}
