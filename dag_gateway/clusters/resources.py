"""The kinds that are known, and where the API serves them."""

from dataclasses import dataclass, field, replace

from .objects import Object


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API knows it. ``group`` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> str:
        """``apps/Deployment``; the core group has no prefix: ``Pod``."""
        return f"{self.group}/{self.kind}" if self.group else self.kind

    def path(self, namespace: str) -> str:
        """The collection in one namespace; in the whole cluster with an empty one."""
        root = f"/apis/{self.group}" if self.group else "/api"
        place = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}/{self.version}{place}/{self.plural}"


PODS = Resource("", "v1", "pods", "Pod")
SECRETS = Resource("", "v1", "secrets", "Secret")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
EVENTS = Resource("", "v1", "events", "Event")
SERVICES = Resource("", "v1", "services", "Service")
VOLUME_CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet")
JOBS = Resource("batch", "v1", "jobs", "Job")
CRON_JOBS = Resource("batch", "v1", "cronjobs", "CronJob")
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
GIT_REPOSITORIES = Resource("source.toolkit.fluxcd.io", "v1", "gitrepositories", "GitRepository")
HELM_CHARTS = Resource("source.toolkit.fluxcd.io", "v1", "helmcharts", "HelmChart")
HELM_RELEASES = Resource("helm.toolkit.fluxcd.io", "v2", "helmreleases", "HelmRelease")
KUSTOMIZATIONS = Resource("kustomize.toolkit.fluxcd.io", "v1", "kustomizations", "Kustomization")
APPLICATIONS = Resource("argoproj.io", "v1alpha1", "applications", "Application")
ROLLOUTS = Resource("argoproj.io", "v1alpha1", "rollouts", "Rollout")

OWNERS = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, JOBS)
"""The kinds of a release that run pods through a controller, in every cluster."""

FOLLOWED = {resource.key: resource for resource in (*OWNERS, ROLLOUTS, PODS, REPLICA_SETS, SERVICES, VOLUME_CLAIMS)}
"""The kinds of a manifest without which a release is not judged: what may not be read of them fails the rollout."""

OPTIONAL = {resource.key: resource for resource in (CRON_JOBS, INGRESSES, AUTOSCALERS, DISRUPTION_BUDGETS, CRDS)}
"""The kinds of a manifest that are judged where they may be read, and told as not judged where they may not."""


def resource_of(obj: Object) -> Resource | None:
    """Where an object of a manifest is served, in the version of the API that its chart names; None: not known."""
    group, slash, version = str(obj.get("apiVersion", "")).rpartition("/")
    key = f"{group}/{obj.get('kind')}" if slash else str(obj.get("kind", ""))
    known = FOLLOWED.get(key) or OPTIONAL.get(key)
    return replace(known, version=version) if known else None


@dataclass(frozen=True, slots=True)
class Selection:
    """Some objects of one kind in one namespace: what one list or one watch asks for.

    An empty ``namespace`` is the whole cluster. ``labels`` is a label selector; ``fields`` a field selector beside
    ``name``, which picks one object. With ``metadata_only`` the API leaves out everything but the metadata, where only
    that is needed of large objects.
    """

    resource: Resource
    namespace: str
    labels: str = ""
    name: str = ""
    metadata_only: bool = False
    fields: str = ""
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Of what tells selections apart in practice, once: each look at a rollout asks for a hundred hashes."""
        object.__setattr__(self, "_hash", hash((self.resource.plural, self.namespace, self.name, self.labels)))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return f"{self.resource.plural} in " + (f"namespace {self.namespace}" if self.namespace else "all namespaces")

    def whole(self) -> "Selection":
        """All objects of the kind there, whatever their names and labels."""
        return Selection(self.resource, self.namespace, metadata_only=self.metadata_only, fields=self.fields)

    def query(self) -> list[tuple[str, str]]:
        """The selectors as query parameters."""
        by_name = f"metadata.name={self.name}" if self.name else ""
        fields = ",".join(part for part in (by_name, self.fields) if part)
        return [(key, value) for key, value in (("labelSelector", self.labels), ("fieldSelector", fields)) if value]
