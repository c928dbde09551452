"""What helm-controller writes into the status of a HelmRelease, outcome by outcome.

Source: ``internal/reconcile/{install,upgrade,rollback_remediation,atomic_release}.go`` of helm-controller.
"""

import hashlib
import json

from dag_gateway.simulator.conditions import without_condition
from dag_gateway.simulator.helm_storage import Release
from dag_gateway.simulator.kinds import Object
from dag_gateway.simulator.registry import Registry

from . import marks

_KEPT = 5
"""Entries of ``status.history`` at most."""


def digest(document: object) -> str:
    """The digest of JSON data, as in ``configDigest``."""
    return "sha256:" + hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def waits_for_source(registry: Registry, item: Object, status: Object, message: str) -> Object:
    """Not started: the HelmChart has nothing to release yet."""
    status = marks.marked(registry, item, status, "Reconciling", "True", "Progressing", "Fulfilling prerequisites")
    return marks.marked(
        registry, item, without_condition(status, "Stalled"), "Ready", "False", "SourceNotReady", message
    )


def attempted(registry: Registry, item: Object, status: Object, action: str, version: str) -> Object:
    """Just before a Helm action; ``action`` is install or upgrade."""
    timeout = item["spec"].get("timeout", "5m0s")
    status = {
        **status,
        "lastAttemptedGeneration": item["metadata"]["generation"],
        "lastAttemptedRevision": version,
        "lastAttemptedConfigDigest": digest(item["spec"].get("values") or {}),
        "lastAttemptedReleaseAction": action,
    }
    message = f"Running '{action}' action with timeout of {timeout}"
    return marks.reconciling(registry, item, without_condition(status, "Remediated"), message)


def succeeded(registry: Registry, item: Object, status: Object, release: Release) -> Object:
    """The action succeeded: the release is the newest of the history."""
    action = status["lastAttemptedReleaseAction"]
    reason = f"{action.title()}Succeeded"
    where = f"{release.namespace}/{release.name}.v{release.version}"
    chart = f"{release.chart['name']}@{release.chart['version']}"
    message = f"Helm {action} succeeded for release {where} with chart {chart}"
    status = _with_release(status, release, action)
    for counter in ("failures", "installFailures", "upgradeFailures"):
        status.pop(counter, None)
    status = marks.marked(registry, item, status, "Released", "True", reason, message)
    return marks.with_request_handled(item, marks.ready(registry, item, status, reason, message))


def failed(registry: Registry, item: Object, status: Object, release: Release | None, problem: str) -> Object:
    """The action failed; ``release`` is the revision that it left behind, None when it did not get that far."""
    action = status["lastAttemptedReleaseAction"]
    reason = f"{action.title()}Failed"
    metadata = item["metadata"]
    message = f"Helm {action} failed for release {metadata['namespace']}/{metadata['name']}: {problem}"
    if release is not None:
        status = _with_release(status, release, action)
    for counter in ("failures", f"{action}Failures"):
        status = {**status, counter: status.get(counter, 0) + 1}
    status = marks.marked(registry, item, status, "Released", "False", reason, message)
    return marks.marked(registry, item, status, "Ready", "False", reason, message)


def rolled_back(registry: Registry, item: Object, status: Object, release: Release) -> Object:
    """The failed upgrade was taken back; Ready stays False, because what was asked for does not run."""
    chart = f"{release.chart['name']}@{release.chart['version']}"
    where = f"{release.namespace}/{release.name}.v{release.version}"
    message = f"Helm rollback to previous release {where} with chart {chart} succeeded"
    status = _with_release(status, release, "rollback")
    status = marks.marked(registry, item, status, "Remediated", "True", "RollbackSucceeded", message)
    return marks.marked(registry, item, status, "Ready", "False", "RollbackSucceeded", message)


def given_up(registry: Registry, item: Object, status: Object) -> Object:
    """No retries left: at rest, Ready keeps the failure."""
    action, failures = status["lastAttemptedReleaseAction"], status["failures"]
    message = f"Failed to {action} after {failures} attempt(s)"
    return marks.with_request_handled(item, marks.stalled(registry, item, status, "RetriesExceeded", message))


def to_retry(registry: Registry, item: Object, status: Object) -> Object:
    """Another attempt follows."""
    message = f"retrying after {status['failures']} failed attempt(s)"
    return marks.marked(registry, item, status, "Reconciling", "True", "ProgressingWithRetry", message)


def _with_release(status: Object, release: Release, action: str) -> Object:
    entry = {
        "name": release.name,
        "namespace": release.namespace,
        "version": release.version,
        "chartName": release.chart["name"],
        "chartVersion": release.chart["version"],
        "appVersion": str(release.chart.get("appVersion", "")),
        "configDigest": digest(release.config),
        "digest": digest([release.manifest, release.version, release.status]),
        "status": release.status,
        "action": action,
        "firstDeployed": release.first_deployed,
        "lastDeployed": release.last_deployed,
    }
    earlier = [found for found in status.get("history") or [] if found["version"] != release.version]
    if release.status == "deployed":
        earlier = [_superseded(found) for found in earlier]
    return {**status, "history": [entry, *earlier][:_KEPT]}


def _superseded(entry: Object) -> Object:
    return {**entry, "status": "superseded"} if entry["status"] == "deployed" else entry
