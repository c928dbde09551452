"""The kinds that are followed, and where the API serves them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API knows it. ``group`` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> str:
        """``apps/Deployment``; the core group has no prefix: ``Pod``."""
        return f"{self.group}/{self.kind}" if self.group else self.kind

    def path(self, namespace: str) -> str:
        """The collection in one namespace."""
        root = f"/apis/{self.group}" if self.group else "/api"
        return f"{root}/{self.version}/namespaces/{namespace}/{self.plural}"


PODS = Resource("", "v1", "pods", "Pod")
SECRETS = Resource("", "v1", "secrets", "Secret")
SERVICES = Resource("", "v1", "services", "Service")
VOLUME_CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet")
JOBS = Resource("batch", "v1", "jobs", "Job")
GIT_REPOSITORIES = Resource("source.toolkit.fluxcd.io", "v1", "gitrepositories", "GitRepository")
HELM_CHARTS = Resource("source.toolkit.fluxcd.io", "v1", "helmcharts", "HelmChart")
HELM_RELEASES = Resource("helm.toolkit.fluxcd.io", "v2", "helmreleases", "HelmRelease")

OWNERS = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, JOBS)
"""The kinds of a release that run pods through a controller."""

FOLLOWED = {resource.key: resource for resource in (*OWNERS, PODS, REPLICA_SETS, SERVICES, VOLUME_CLAIMS)}
"""The kinds of a manifest that are judged one by one."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Some objects of one kind in one namespace: what one list or one watch asks for.

    ``labels`` is a label selector; ``name`` picks one object. With ``metadata_only`` the API leaves out everything
    but the metadata, where only that is needed of large objects.
    """

    resource: Resource
    namespace: str
    labels: str = ""
    name: str = ""
    metadata_only: bool = False

    def __str__(self) -> str:
        return f"{self.resource.plural} in namespace {self.namespace}"

    def query(self) -> list[tuple[str, str]]:
        """The selectors as query parameters."""
        fields = f"metadata.name={self.name}" if self.name else ""
        return [(key, value) for key, value in (("labelSelector", self.labels), ("fieldSelector", fields)) if value]
