"""A config with one app, for tests of who may deploy it where."""

from collections.abc import Mapping
from typing import Any

from dag_gateway.config import Config


def one_app_config(
    forge: Mapping[str, Any],
    *,
    repo_url: str,
    environments: Mapping[str, Mapping[str, Any]],
    project_id: str | None = None,
) -> Config:
    """The app ``web`` at the forge ``forge``; an environment needs only what its test is about, such as its branch."""
    return Config.model_validate(
        {
            "forges": {"forge": forge},
            "repositories": {"iac": {"url": "/srv/iac.git"}},
            "clusters": {"production": {"in_cluster": True}},
            "apps": {
                "web": {
                    "repo_url": repo_url,
                    "forge": "forge",
                    "project_id": project_id,
                    "environments": {name: _environment(name, given) for name, given in environments.items()},
                }
            },
        }
    )


def _environment(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    target = {"cluster": "production", "namespace": "shop", "tracker": "helm"}
    return {"repository": "iac", "path": f"clusters/{name}/web", "targets": [target], **given}
