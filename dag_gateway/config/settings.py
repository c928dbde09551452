"""The settings: one frozen model per section of the config file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from dag_gateway.model.target import Target, Tracker

from .auth import AuthSettings
from .database import DatabaseSettings
from .forges import ForgeSettings
from .limits import LimitSettings
from .retention import RetentionSettings
from .section import Settings
from .ssh_url import SshRemote, read_ssh_url
from .units import Bytes, Name, Network, RepoUrl, Seconds, WorkflowPattern

_LONGEST_SILENCE = 30.0
"""Seconds between heartbeats; a slow network may hold one up for half as long again."""

_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class ServerSettings(Settings):
    """Where the gateway listens and what it accepts."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    """0 takes any free port."""
    public_url: str = ""
    """How clients reach it; used in links."""
    trusted_proxies: tuple[Network, ...] = ()
    """Networks whose ``X-Forwarded-For`` is believed; what everybody else says of its address is not."""
    limits: LimitSettings = LimitSettings()
    heartbeat: Seconds = 15.0
    """How often an event stream says that it is alive. Proxies cut silent connections after 30 s and more."""
    drain: Seconds = 20.0
    """How long open requests may take once the process was asked to stop."""

    @field_validator("heartbeat")
    @classmethod
    def _heard_in_time(cls, seconds: float) -> float:
        if seconds > _LONGEST_SILENCE:
            raise ValueError(
                f"at most {_LONGEST_SILENCE:g}s: dag takes a stream that is silent for 45s for broken, "
                "and proxies do so even sooner"
            )
        return seconds


class AuthorSettings(Settings):
    """Who signs the commits."""

    name: str = "DAG Gateway"
    email: str = "dag-gateway@localhost"


class RepositorySettings(Settings):
    """An IaC repository."""

    url: str
    """https, http, ssh (``ssh://user@host:port/path`` or ``user@host:path``), or a local path."""
    branch: str | None = None
    """None: the remote's HEAD."""
    username: str | None = None
    password: SecretStr | None = None
    """With an ssh url: the passphrase of ``ssh_key``."""
    token: SecretStr | None = None
    """Sent as ``Authorization: Bearer`` to an http(s) url."""
    ssh_key: Path | None = None
    """A private key in OpenSSH or PEM format: ed25519, ecdsa or rsa."""
    known_hosts: Path | None = None
    """The host keys to trust, as ``ssh-keyscan`` prints them. Read for every connection."""
    author: AuthorSettings = AuthorSettings()
    timeout: Seconds = 30.0
    """For one operation on the remote."""
    cache_limit: Bytes = 512 * 1024**2
    """Room of the local copy on the disk. Beyond it the copy is made anew from the remote, beside the work."""
    commit_url: str | None = None
    """Where people look at a commit, with ``{commit}`` in it; None: guessed from an http(s) url."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        scheme = self.url.split("://", 1)[0] if "://" in self.url else ""
        if scheme not in ("", "http", "https", "ssh"):
            # Not quoted: what stands before the :// of a mistyped url may be a password.
            raise ValueError(
                "the scheme of the url is not supported; use https, http, ssh (in lower case) or a local path"
            )
        if "@" in self.url and scheme in ("http", "https"):
            raise ValueError("credentials do not belong into the url; use username and password, or token")
        return self

    @model_validator(mode="after")
    def _only_what_the_url_uses(self) -> Self:
        if read_ssh_url(self.url):
            if self.ssh_key is None or self.known_hosts is None:
                raise ValueError("an ssh url needs ssh_key and known_hosts: host keys are always checked")
            if self.username is not None or self.token is not None:
                raise ValueError("an ssh url takes neither username nor token: its user stands in the url")
        elif self.ssh_key or self.known_hosts:
            raise ValueError("ssh_key and known_hosts are for ssh urls only")
        return self

    @model_validator(mode="after")
    def _bearer(self) -> Self:
        if self.token is None:
            return self
        if self.is_local:
            raise ValueError("a token is for http and https urls only")
        if self.username is not None or self.password is not None:
            raise ValueError("give either token, or username and password")
        if not _BEARER.fullmatch(self.token.get_secret_value()):
            raise ValueError("a token is one line of letters, digits and -._~+/= (RFC 6750)")
        return self

    def ssh(self) -> SshRemote | None:
        """How to reach an ssh url; None for any other."""
        address = read_ssh_url(self.url)
        if address is None or self.ssh_key is None or self.known_hosts is None:
            return None
        return SshRemote(address, self.ssh_key, self.password, self.known_hosts, self.timeout)

    @property
    def is_local(self) -> bool:
        """Whether the url is a path of this machine."""
        return "://" not in self.url and read_ssh_url(self.url) is None


class PatienceSettings(Settings):
    """How long trouble of new pods may last before it fails a rollout; less is a hiccup that may mend itself."""

    crashes: int = Field(default=2, gt=0)
    """Restarts of a container before its CrashLoopBackOff counts: one crash may be a dependency that comes up later."""
    image_pull: Seconds = 20.0
    """An image that can not be pulled: the second attempt of the kubelet comes after 10 s."""
    config: Seconds = 30.0
    """A container's configuration that is missing: Secrets of other controllers come a while later."""
    create: Seconds = 15.0
    """Pods that are refused, by a quota or an admission: old pods that leave free quota."""
    unschedulable: Seconds = 120.0
    """A pod without a node: an autoscaler may need as long for one (kstatus waits 15 s only)."""
    degraded: Seconds = 30.0
    """What a controller reports as Degraded or as not comparable: it may have looked at the wrong moment."""


class ClusterSettings(Settings):
    """How to reach a cluster: a kubeconfig, the service account of the pod, or address and token."""

    kubeconfig: Path | None = None
    context: str | None = None
    in_cluster: bool = False
    server: str | None = None
    token: SecretStr | None = None
    ca_file: Path | None = None
    timeout: Seconds = 10.0
    """For one request that is not a watch."""
    grace: Seconds = 30.0
    """How long a cluster may be unreachable before a push is given up."""
    scope: Literal["auto", "cluster", "namespace"] = "auto"
    """What one watch covers: the whole cluster, or one namespace; auto: the cluster where the permissions allow it."""
    unreachable_after: Seconds = 10.0
    """How long a cluster may be away before the targets there are shown as unreachable."""
    patience: PatienceSettings = PatienceSettings()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [self.kubeconfig is not None, self.in_cluster, self.server is not None]
        if sum(ways) != 1:
            raise ValueError("give exactly one of kubeconfig, in_cluster: true, or server")
        return self


class ResourceSettings(Settings):
    """The object that a tracker reads."""

    namespace: str | None = None
    name: str | None = None


class TargetSettings(Settings):
    """A Helm release that an environment feeds."""

    cluster: str
    namespace: str
    release: str | None = None
    """None: the last part of the environment's path."""
    tracker: Literal["flux", "argocd", "helm", "workloads"]
    resource: ResourceSettings = ResourceSettings()
    """None: namespace and release of the target."""
    timeout: Seconds = 300.0
    nudge: bool = False


class EnvironmentSettings(Settings):
    """A branch or tag pattern of an app, and where it goes."""

    branch: str | None = None
    """Exact, or a glob such as ``release/*``; ``*`` also matches ``/``."""
    tag: str | None = None
    """Exact, or a glob such as ``v*``."""
    protected: bool | None = None
    """Whether the ref must be protected at the forge. None: yes where the forge can tell."""
    ci_environment: str | None = Field(default=None, min_length=1, max_length=255)
    """The environment that the job itself must deploy to at the forge, whose own rules then apply: reviewers, say."""
    job_workflow_ref: tuple[WorkflowPattern, ...] = ()
    """Which files may define the job, each exact or with a glob behind the last ``@``. Empty: any."""
    repository: str
    repository_branch: str | None = None
    path: str
    targets: tuple[TargetSettings, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_ref(self) -> Self:
        if (self.branch is None) == (self.tag is None):
            raise ValueError("give exactly one of branch and tag")
        return self

    @model_validator(mode="after")
    def _safe_path(self) -> Self:
        parts = self.path.split("/")
        if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or "\\" in self.path:
            raise ValueError(f"{self.path!r} is not a relative folder: no empty, '.', '..' or .git part, no backslash")
        return self

    def target_list(self) -> tuple[Target, ...]:
        """The targets with their defaults filled in."""
        return tuple(_target(settings, self.path.rsplit("/", 1)[-1]) for settings in self.targets)


class AppSettings(Settings):
    """A source repository."""

    repo_url: RepoUrl
    forge: str
    project_id: str | None = Field(default=None, min_length=1, max_length=64)
    """The forge's id of the project. None: that of the first job that runs at ``repo_url`` is kept."""
    environments: Mapping[Name, EnvironmentSettings] = Field(min_length=1)


class Config(Settings):
    """The whole config file."""

    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    retention: RetentionSettings = RetentionSettings()
    auth: AuthSettings = AuthSettings()
    data_dir: Path = Path("data")
    """Bare clones and scratch files; may be lost at any time."""
    forges: Mapping[Name, ForgeSettings] = Field(min_length=1)
    repositories: Mapping[str, RepositorySettings] = Field(min_length=1)
    clusters: Mapping[str, ClusterSettings] = Field(min_length=1)
    apps: Mapping[Name, AppSettings] = Field(min_length=1)


def _target(settings: TargetSettings, default_release: str) -> Target:
    release = settings.release or default_release
    return Target(
        cluster=settings.cluster,
        namespace=settings.namespace,
        release=release,
        tracker=Tracker(settings.tracker),
        resource_namespace=settings.resource.namespace or settings.namespace,
        resource_name=settings.resource.name or release,
        timeout=settings.timeout,
        nudge=settings.nudge,
    )
