"""Flux: the Kustomization that applied a HelmRelease; it may explain why nothing moves, and never proves anything.

Sources: kustomize-controller ``docs/spec/v1/kustomizations.md`` and ``internal/inventory/inventory.go``.
"""

from dag_gateway.model.health import Health, failed
from dag_gateway.model.reason import Reason

from .objects import Object, condition, label, name, namespace, observed, spec, status, title, why

_NAME = "kustomize.toolkit.fluxcd.io/name"
_NAMESPACE = "kustomize.toolkit.fluxcd.io/namespace"


def address(release: Object) -> tuple[str, str] | None:
    """Namespace and name of the Kustomization that says it applied the release; None where none says so."""
    place, own_name = label(release, _NAMESPACE), label(release, _NAME)
    return (place, own_name) if place and own_name else None


def suspended(kustomization: Object | None, release: Object) -> Health | None:
    """FAILED while whoever delivers the release does nothing."""
    if kustomization is None or not spec(kustomization).get("suspend") or not _delivers(kustomization, release):
        return None
    return failed(
        Reason.SUSPENDED,
        f"{title(kustomization)}, which applies {title(release)}, is suspended; `flux resume` it and deploy again",
    )


def trouble(kustomization: Object | None, release: Object) -> str:
    """What it complains of at the moment, to be said behind what is waited for; empty where it does not."""
    if kustomization is None or not observed(kustomization) or not _delivers(kustomization, release):
        return ""
    ready = condition(kustomization, "Ready")
    return f"; {title(kustomization)} is not ready{why(ready)}" if ready.get("status") == "False" else ""


def _delivers(kustomization: Object, release: Object) -> bool:
    """Labels stay behind when a release is moved elsewhere; the inventory, where there is one, knows better."""
    inventory = status(kustomization).get("inventory")
    if inventory is None:
        return True
    entry = f"{namespace(release)}_{name(release)}_helm.toolkit.fluxcd.io_HelmRelease"
    return entry in (item.get("id") for item in inventory.get("entries") or ())
