"""The table of kinds that the simulated cluster knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Object = dict[str, Any]
"""A Kubernetes object as plain JSON data."""


# Compared by identity: every kind is a row of the table, and the store looks them up at every request.
@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A row of the table. ``has_status``: the status is a subresource, written apart from the object."""

    group: str
    version: str
    name: str
    plural: str
    short: str = ""
    namespaced: bool = True
    has_status: bool = True
    custom: bool = False
    """Defined by a CRD: no strategic merge patch, no defaults."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``deployments.apps``, or ``pods`` for the core group: how error texts name a resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


class Key(NamedTuple):
    """Where an object lives; the namespace is empty for objects of the whole cluster."""

    kind: Kind
    namespace: str
    name: str


POD = Kind("", "v1", "Pod", "pods", "po")
SERVICE = Kind("", "v1", "Service", "services", "svc")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps", "cm", has_status=False)
SECRET = Kind("", "v1", "Secret", "secrets", has_status=False)
SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts", "sa", has_status=False)
EVENT = Kind("", "v1", "Event", "events", "ev", has_status=False)
NAMESPACE = Kind("", "v1", "Namespace", "namespaces", "ns", namespaced=False)
NODE = Kind("", "v1", "Node", "nodes", "no", namespaced=False)
VOLUME_CLAIM = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc")
RESOURCE_QUOTA = Kind("", "v1", "ResourceQuota", "resourcequotas", "quota")
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments", "deploy")
REPLICA_SET = Kind("apps", "v1", "ReplicaSet", "replicasets", "rs")
STATEFUL_SET = Kind("apps", "v1", "StatefulSet", "statefulsets", "sts")
DAEMON_SET = Kind("apps", "v1", "DaemonSet", "daemonsets", "ds")
CONTROLLER_REVISION = Kind("apps", "v1", "ControllerRevision", "controllerrevisions", has_status=False)
JOB = Kind("batch", "v1", "Job", "jobs")
CRON_JOB = Kind("batch", "v1", "CronJob", "cronjobs", "cj")
INGRESS = Kind("networking.k8s.io", "v1", "Ingress", "ingresses", "ing")
NETWORK_POLICY = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "netpol", has_status=False)
AUTOSCALER = Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa")
DISRUPTION_BUDGET = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb")
ROLE = Kind("rbac.authorization.k8s.io", "v1", "Role", "roles", has_status=False)
ROLE_BINDING = Kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", has_status=False)
GIT_REPOSITORY = Kind("source.toolkit.fluxcd.io", "v1", "GitRepository", "gitrepositories", "gitrepo", custom=True)
HELM_CHART = Kind("source.toolkit.fluxcd.io", "v1", "HelmChart", "helmcharts", "hc", custom=True)
HELM_RELEASE = Kind("helm.toolkit.fluxcd.io", "v2", "HelmRelease", "helmreleases", "hr", custom=True)
KUSTOMIZATION = Kind("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations", "ks", custom=True)
CRD = Kind(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", "crd", namespaced=False
)
# Argo CD's own CRD has no status subresource: a change of the status moves the generation.
APPLICATION = Kind("argoproj.io", "v1alpha1", "Application", "applications", "app", has_status=False, custom=True)
ROLLOUT = Kind("argoproj.io", "v1alpha1", "Rollout", "rollouts", "ro", custom=True)
WIDGET = Kind("example.com", "v1", "Widget", "widgets", custom=True)
"""Stands for everything that nobody has rules for."""

KINDS: tuple[Kind, ...] = (
    POD, SERVICE, CONFIG_MAP, SECRET, SERVICE_ACCOUNT, EVENT, NAMESPACE, NODE, VOLUME_CLAIM, RESOURCE_QUOTA,
    DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET, CONTROLLER_REVISION, JOB, CRON_JOB, INGRESS, NETWORK_POLICY,
    AUTOSCALER, DISRUPTION_BUDGET, ROLE, ROLE_BINDING, GIT_REPOSITORY, HELM_CHART, HELM_RELEASE, KUSTOMIZATION,
    CRD, APPLICATION, ROLLOUT, WIDGET,
)  # fmt: skip

_BY_PLURAL: Mapping[tuple[str, str, str], Kind] = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
_BY_NAME: Mapping[tuple[str, str], Kind] = {(kind.api_version, kind.name): kind for kind in KINDS}


def by_plural(group: str, version: str, plural: str) -> Kind | None:
    """The kind behind a URL, or None."""
    return _BY_PLURAL.get((group, version, plural))


def by_name(api_version: str, name: str) -> Kind | None:
    """The kind that an object says it is, or None."""
    return _BY_NAME.get((api_version, name))
