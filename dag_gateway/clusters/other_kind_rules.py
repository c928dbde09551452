"""The rules of the kinds that run no pods of their own, or only now and then; ``rules`` names the sources."""

from collections.abc import Callable, Mapping
from datetime import datetime

from dag_gateway.model.health import Health, failed, healthy, progressing
from dag_gateway.model.reason import Reason

from .objects import Object, condition, holds, name, why


def _there(obj: Object, now: datetime) -> Health:
    """Nobody has to make it ready: it is all it will ever be once it exists (kstatus: Current)."""
    return healthy()


def _autoscaler(obj: Object, now: datetime) -> Health:
    """It can not scale while its target is missing or of another kind; metrics that are missing stop no rollout."""
    able = condition(obj, "AbleToScale")
    if able.get("status") == "False":
        return progressing(f"autoscaler {name(obj)}: can not scale{why(able)}")
    return healthy()


def _definition(obj: Object, now: datetime) -> Health:
    """A CustomResourceDefinition: its names may be taken by another one, which only people mend."""
    names, established = condition(obj, "NamesAccepted"), condition(obj, "Established")
    if names.get("status") == "False":
        return failed(Reason.CONFIG_ERROR, f"{name(obj)}: its names are not accepted{why(names)}")
    if holds(obj, "Established"):
        return healthy()
    if established.get("status") == "False" and established.get("reason") != "Installing":
        return failed(Reason.CONFIG_ERROR, f"{name(obj)}: can not be established{why(established)}")
    return progressing(f"{name(obj)}: not established yet")


EXISTING = frozenset(
    {
        "ConfigMap",
        "Endpoints",
        "LimitRange",
        "Namespace",
        "ResourceQuota",
        "Secret",
        "ServiceAccount",
        "admissionregistration.k8s.io/MutatingWebhookConfiguration",
        "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
        "batch/CronJob",
        "discovery.k8s.io/EndpointSlice",
        "networking.k8s.io/Ingress",
        "networking.k8s.io/IngressClass",
        "networking.k8s.io/NetworkPolicy",
        "node.k8s.io/RuntimeClass",
        "policy/PodDisruptionBudget",
        "rbac.authorization.k8s.io/ClusterRole",
        "rbac.authorization.k8s.io/ClusterRoleBinding",
        "rbac.authorization.k8s.io/Role",
        "rbac.authorization.k8s.io/RoleBinding",
        "scheduling.k8s.io/PriorityClass",
        "storage.k8s.io/StorageClass",
    }
)
"""Kinds of Kubernetes that are done once they exist. An Ingress does not wait for an address: none may come."""

OTHER_KINDS: Mapping[str, Callable[[Object, datetime], Health]] = {
    **dict.fromkeys(sorted(EXISTING), _there),
    "autoscaling/HorizontalPodAutoscaler": _autoscaler,
    "apiextensions.k8s.io/CustomResourceDefinition": _definition,
}
