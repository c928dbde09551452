"""A bare IaC repository with one chart in it, and the Flux objects that follow it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dag_gateway.iac.bare import create_bare
from dag_gateway.simulator.kinds import Object
from tests.fakes.git_cli import rival_commit

FOLDER = "clusters/shop/web"
_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: {{ .Values.replicas | default 1 }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: "IMAGE"}]
"""


@dataclass(frozen=True)
class FluxIac:
    path: Path
    worktree: Path

    def deploy(self, version: str, image: str = "web:1", **templates: str) -> str:
        """Commit the chart at ``FOLDER`` and return the commit; ``templates`` are more files by bare name."""
        return self.commit({f"{FOLDER}/{name}": text for name, text in chart(version, image, **templates).items()})

    def commit(self, files: Mapping[str, str]) -> str:
        """Commit and push files, and return the commit."""
        return rival_commit(self.path, self.worktree, files)

    def flux_objects(self, **release: Any) -> tuple[Object, Object]:
        """GitRepository ``flux-system/iac`` and HelmRelease ``shop/web``; ``release`` are more fields of its spec."""
        source = {"kind": "GitRepository", "name": "iac", "namespace": "flux-system"}
        repository = {"url": f"file://{self.path}", "ref": {"branch": "main"}, "interval": "1m"}
        template = {"chart": FOLDER, "sourceRef": source, **release.pop("chart", {})}
        return (
            {
                "apiVersion": "source.toolkit.fluxcd.io/v1",
                "kind": "GitRepository",
                "metadata": {"name": "iac", "namespace": "flux-system"},
                "spec": repository,
            },
            {
                "apiVersion": "helm.toolkit.fluxcd.io/v2",
                "kind": "HelmRelease",
                "metadata": {"name": "web", "namespace": "shop"},
                "spec": {"interval": "1m", "chart": {"spec": template}, **release},
            },
        )


def flux_iac(folder: Path) -> FluxIac:
    """An empty repository below ``folder``."""
    create_bare(folder / "iac.git")
    return FluxIac(folder / "iac.git", folder / "worktree")


def chart(version: str, image: str = "web:1", **templates: str) -> dict[str, str]:
    """The files of the chart ``web``: one Deployment, and whatever else is given."""
    files = {
        "Chart.yaml": f"apiVersion: v2\nname: web\nversion: {version}\nappVersion: '1'\n",
        "templates/deployment.yaml": _DEPLOYMENT.replace("IMAGE", image),
    }
    return {**files, **{f"templates/{name}.yaml": text for name, text in templates.items()}}
