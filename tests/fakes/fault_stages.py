"""The environments of the app, each with a release and a namespace of its own in the cluster."""

from typing import Any

from .world import Surroundings, flux_objects

_PATIENT = {"timeout": "2h"}
"""Simulated: some seconds, in which a rollout ends on a busy machine too."""


def stage(number: int) -> str:
    """The name of an environment, its namespace, its release and its folder."""
    return f"stage-{number}"


async def furnish(around: Surroundings, stages: int) -> None:
    """Add so many environments, before a gateway starts."""
    environments: dict[str, Any] = around.config["apps"]["web"]["environments"]
    production = environments["production"]
    (target,) = production["targets"]
    _, _, release = flux_objects(around.repository)
    await around.cluster.apply(release | {"spec": release["spec"] | _PATIENT})
    for name in map(stage, range(stages)):
        path, place = f"clusters/{name}", {"namespace": "flux-system", "name": name}
        placed = target | {"namespace": name, "release": name, "resource": place}
        environments[name] = production | {"path": path, "targets": [placed]}
        chart = {"spec": release["spec"]["chart"]["spec"] | {"chart": f"./{path}"}}
        where = {"releaseName": name, "targetNamespace": name, "storageNamespace": name}
        await around.cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
            release | {"metadata": place, "spec": release["spec"] | _PATIENT | where | {"chart": chart}},
        )
