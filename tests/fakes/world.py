"""A gateway with everything around it: simulated forge and cluster over HTTP, a real bare repository, real Helm."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from dag_gateway.app import create_app
from dag_gateway.charts import pack
from dag_gateway.config import Config, parse
from dag_gateway.helm import Helm
from dag_gateway.iac.bare import create_bare
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.gitlab import SimulatedGitlab, simulated_gitlab
from dag_gateway.simulator.gitlab_entities import SimulatedJob
from dag_gateway.simulator.server import serving
from tests.fakes.fast_clock import FastClock

PROJECT = "shop/web"
IAC_PATH = "clusters/prod/web"
# Graces of seconds pass in tenths; the budget of a rollout is made longer to match.
_FASTER = 20.0
_BY_ARGO = ("argocd", "workloads")
_RESOURCES = {"flux": "flux-system", "argocd": "argocd"}


@dataclass(slots=True)
class Surroundings:
    """What a gateway is pointed at. ``config`` is its config file as data; change it before a gateway starts."""

    gitlab: SimulatedGitlab
    cluster: SimulatedCluster
    repository: Path
    config: dict[str, Any]
    folder: Path

    def job(self, **known: Any) -> SimulatedJob:
        """A running job on main, unless ``known`` says otherwise."""
        return self.gitlab.add_job(PROJECT, **{"ref": "main", **known})

    def settings(self) -> Config:
        return parse(yaml.safe_dump(self.config), {})


@dataclass(slots=True)
class World:
    """A running gateway in its surroundings."""

    around: Surroundings
    http: httpx.AsyncClient

    async def upload(
        self, chart: bytes, version: str | None = "1.0.0", job: SimulatedJob | None = None, **changes: Any
    ) -> httpx.Response:
        """POST /api/deploy as a job would; ``changes`` are form fields, None leaves one out."""
        job = job or self.around.job()
        fields: dict[str, Any] = {
            "repoUrl": job.project_url,
            "jobId": str(job.id),
            "jobToken": job.token,
            "version": version,
        } | changes
        data = {name: value for name, value in fields.items() if value is not None}
        return await self.http.post("/api/deploy", data=data, files={"chart": ("web.tgz", chart)})

    async def deploy(self, chart: bytes, version: str = "1.0.0", **changes: Any) -> dict[str, Any]:
        """Upload and follow to the end; the final record."""
        answer = await self.upload(chart, version, **changes)
        assert answer.status_code == 200, answer.text
        return await self.ended(answer.json()["deploymentId"])

    async def ended(self, deployment_id: str) -> dict[str, Any]:
        """Follow the stream until it ends; the final record."""
        async with self.http.stream("GET", f"/api/deployments/{deployment_id}/events") as stream:
            async for _ in stream.aiter_raw():
                pass
        return await self.record(deployment_id)

    async def record(self, deployment_id: str) -> dict[str, Any]:
        record: dict[str, Any] = (await self.http.get(f"/api/deployments/{deployment_id}")).json()
        return record

    async def current(self, what: str, job: SimulatedJob | None = None, **changes: Any) -> httpx.Response:
        """POST /api/get/``what``."""
        job = job or self.around.job()
        body = {"repoUrl": job.project_url, "jobId": str(job.id), "jobToken": job.token} | changes
        return await self.http.post(f"/api/get/{what}", json=body)


@asynccontextmanager
async def surroundings(
    folder: Path, *, pace: float = 0.002, tracker: str = "flux", stale: float = 0.0
) -> AsyncIterator[Surroundings]:
    """Forge, cluster, repository, and what brings the one into the other; everything ends with the block.

    That is Argo CD for the trackers ``argocd`` and ``workloads``, else Flux. ``stale`` is as in ``follow_argocd``.
    """
    repository = folder / "iac.git"
    create_bare(repository)
    async with AsyncExitStack() as stack:
        gitlab = await stack.enter_async_context(simulated_gitlab())
        gitlab.add_project(PROJECT, branches={"main": True, "develop": False})
        cluster = await stack.enter_async_context(simulated_cluster(pace=pace))
        helm = await stack.enter_async_context(Helm())
        if tracker in _BY_ARGO:
            await cluster.apply(application(repository))
            await stack.enter_async_context(cluster.follow_argocd(helm, stale=stale))
        else:
            await cluster.apply(*flux_objects(repository))
            await stack.enter_async_context(cluster.follow_flux(helm))
        yield Surroundings(gitlab, cluster, repository, _config(folder, gitlab, cluster, tracker), folder)


@asynccontextmanager
async def gateway(around: Surroundings) -> AsyncIterator[World]:
    """A gateway in this process, over real HTTP."""
    application = create_app(around.settings(), clock=FastClock(_FASTER))
    async with serving(application) as url, httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:
        try:
            yield World(around, http)
        finally:
            application.state.doors.drain()


@asynccontextmanager
async def world(folder: Path, *, pace: float = 0.002, tracker: str = "flux") -> AsyncIterator[World]:
    async with surroundings(folder, pace=pace, tracker=tracker) as around, gateway(around) as running:
        yield running


def flux_objects(repository: Path) -> list[dict[str, Any]]:
    """A GitRepository and the HelmRelease of the app."""
    source = {"kind": "GitRepository", "name": "iac", "namespace": "flux-system"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": "iac", "namespace": "flux-system"},
            "spec": {"url": str(repository), "ref": {"branch": "main"}, "interval": "10m"},
        },
        {
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": {"name": "web", "namespace": "flux-system"},
            "spec": {
                "interval": "10m",
                "timeout": "40s",
                "releaseName": "web",
                "targetNamespace": "shop",
                "storageNamespace": "shop",
                "chart": {"spec": {"chart": f"./{IAC_PATH}", "sourceRef": source}},
            },
        },
    ]


def application(repository: Path) -> dict[str, Any]:
    """The Application of the app."""
    source = {"repoURL": str(repository), "path": IAC_PATH, "targetRevision": "main", "helm": {"releaseName": "web"}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": source,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            "syncPolicy": {"automated": {"prune": True}, "syncOptions": ["CreateNamespace=true"]},
        },
    }


def _config(folder: Path, gitlab: SimulatedGitlab, cluster: SimulatedCluster, tracker: str) -> dict[str, Any]:
    nudge = tracker in _RESOURCES
    target = {"cluster": "prod", "namespace": "shop", "tracker": tracker, "nudge": nudge, "timeout": "20m"}
    if nudge:
        target["resource"] = {"namespace": _RESOURCES[tracker], "name": "web"}
    environment = {"branch": "main", "repository": "iac", "path": IAC_PATH, "targets": [target]}
    return {
        "database": {"url": f"sqlite:///{folder}/gateway.db"},
        "data_dir": str(folder / "data"),
        "forges": {"gitlab": {"kind": "gitlab", "url": gitlab.url, "timeout": "5s"}},
        "repositories": {"iac": {"url": str(folder / "iac.git")}},
        "clusters": {"prod": {"server": cluster.url, "token": cluster.token, "grace": "20s"}},
        "apps": {
            "web": {
                "repo_url": f"{gitlab.url}/{PROJECT}",
                "forge": "gitlab",
                "environments": {"production": environment},
            }
        },
    }


def image_files(tag: str = "1.27.0", replicas: int = 2) -> dict[str, bytes]:
    """The files of the small chart with another image tag; the simulated cluster reads behaviours out of tags."""
    return chart_files(values_yaml=f"image: {{repository: nginx, tag: {tag}}}\nreplicas: {replicas}\n")


def a_chart(tag: str = "1.27.0", replicas: int = 2) -> bytes:
    """``image_files`` as an upload."""
    return pack("web", image_files(tag, replicas))


def chart_files(**changes: str | None) -> dict[str, bytes]:
    """A small chart with a Deployment of two pods; ``changes`` replace files (``values_yaml`` is values.yaml)."""
    files: dict[str, str | None] = {
        "Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0  # stamped by the gateway\n",
        "values.yaml": "image: {repository: nginx, tag: 1.27.0}\nreplicas: 2\n",
        "templates/deployment.yaml": _DEPLOYMENT,
    }
    for name, content in changes.items():
        files[name.replace("_yaml", ".yaml").replace("__", "/")] = content
    return {name: content.encode() for name, content in files.items() if content is not None}


_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
"""
