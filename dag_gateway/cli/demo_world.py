"""What surrounds the gateway in the demo: a forge with a job, a repository, a cluster that Flux serves."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dag_gateway.helm import Helm
from dag_gateway.iac.bare import create_bare
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.gitlab import simulated_gitlab
from dag_gateway.simulator.gitlab_entities import SimulatedJob

PROJECT = "demo/hello-web"
NAMESPACE = "hello"
IAC_PATH = "clusters/demo/hello-web"
_COMMIT = "5f2c1d0b9a8e7f6d5c4b3a291807f6e5d4c3b2a1"


@dataclass(frozen=True, slots=True)
class World:
    """Everything that the gateway is pointed at."""

    job: SimulatedJob
    cluster: SimulatedCluster
    repository: Path
    config: Path


@asynccontextmanager
async def demo_world(folder: Path, port: int, pace: float) -> AsyncIterator[World]:
    """Open the surroundings. ``pace`` is how many real seconds a second of the cluster takes."""
    repository = folder / "iac.git"
    if not repository.exists():
        create_bare(repository)
    async with AsyncExitStack() as stack:
        gitlab = await stack.enter_async_context(simulated_gitlab())
        gitlab.add_project(PROJECT, branches={"main": True, "develop": False})
        job = gitlab.add_job(PROJECT, ref="main", user="demo", sha=_COMMIT)
        cluster = await stack.enter_async_context(simulated_cluster(pace=pace))
        helm = await stack.enter_async_context(Helm())
        await cluster.apply(*flux_objects(repository))
        await stack.enter_async_context(cluster.follow_flux(helm))
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump(config_of(folder, port, gitlab.url, cluster), sort_keys=False))
        yield World(job, cluster, repository, config)


def flux_objects(repository: Path) -> list[dict[str, Any]]:
    """What a platform engineer writes once per app: where Flux finds the chart, and that it should run."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": "iac", "namespace": "flux-system"},
            "spec": {"url": str(repository), "ref": {"branch": "main"}, "interval": "1m"},
        },
        {
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": {"name": "hello-web", "namespace": "flux-system"},
            "spec": {
                "interval": "10m",
                "timeout": "30s",
                "releaseName": "hello-web",
                "targetNamespace": NAMESPACE,
                "chart": {
                    "spec": {
                        "chart": f"./{IAC_PATH}",
                        "sourceRef": {"kind": "GitRepository", "name": "iac", "namespace": "flux-system"},
                    }
                },
            },
        },
    ]


def config_of(folder: Path, port: int, gitlab: str, cluster: SimulatedCluster) -> dict[str, Any]:
    """The gateway's config file; nothing in it knows that its surroundings are simulated."""
    target = {
        "cluster": "demo",
        "namespace": NAMESPACE,
        "release": "hello-web",
        "tracker": "flux",
        "resource": {"namespace": "flux-system", "name": "hello-web"},
        "timeout": "2m",
        "nudge": True,
    }
    environment = {"branch": "main", "repository": "iac", "path": IAC_PATH, "targets": [target]}
    return {
        "server": {"host": "127.0.0.1", "port": port},
        "database": {"url": f"sqlite:///{folder.absolute()}/gateway.db"},
        "data_dir": str(folder.absolute() / "data"),
        "forges": {"gitlab": {"kind": "gitlab", "url": gitlab}},
        "repositories": {"iac": {"url": str((folder / "iac.git").absolute())}},
        "clusters": {"demo": {"server": cluster.url, "token": cluster.token}},
        "apps": {
            "hello-web": {
                "repo_url": f"{gitlab}/{PROJECT}",
                "forge": "gitlab",
                "environments": {"production": environment},
            }
        },
    }


def curl_commands(url: str, world: World, deployment_id: str, program: str, chart: Path, archive: Path) -> str:
    """What to try while the demo stays up. ``program`` is how this command was called."""
    job = world.job
    question = json.dumps({"repoUrl": job.project_url, "jobId": str(job.id)})
    return f"""\
  # in another terminal: be the CI job
  export DAG_SERVER_URL={url} DAG_REPO_URL={job.project_url}
  export DAG_JOB_ID={job.id} DAG_JOB_TOKEN={job.token}

  # what happened, as a stream and as a record
  curl -N $DAG_SERVER_URL/api/deployments/{deployment_id}/events
  curl -s $DAG_SERVER_URL/api/deployments/{deployment_id}

  # the values and the chart that are live
  curl -s $DAG_SERVER_URL/api/get/values -H "Authorization: Bearer $DAG_JOB_TOKEN" \\
       -H 'Content-Type: application/json' -d '{question}'
  curl -s $DAG_SERVER_URL/api/get/chart -H "Authorization: Bearer $DAG_JOB_TOKEN" \\
       -H 'Content-Type: application/json' -d '{question}' -o live.tgz

  # deploy again, as version 1.1.0
  curl -s $DAG_SERVER_URL/api/deploy -F repoUrl=$DAG_REPO_URL -F jobId=$DAG_JOB_ID -F jobToken=$DAG_JOB_TOKEN \\
       -F version=1.1.0 -F chart=@{archive.absolute()}

  # deploy an image that crashes, and read why it failed
  {program} deploy {chart} --deploy-version 1.2.0 --set image.tag=crash

  # what was written to the infrastructure repository
  git -C {world.repository.absolute()} log --stat
"""
