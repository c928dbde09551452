"""What Helm renders from a small chart, as plain objects: no namespaces, and nothing that the API server adds."""

from typing import Any

from dag_gateway.model.target import Baseline, Goal, Target, Tracker

TARGET = Target("production", "shop", "web", Tracker.WORKLOADS, "shop", "web")


def goal(*expected: dict[str, Any]) -> Goal:
    return Goal("c0ffee", "clusters/web", "web", "1.1.0", Baseline(), expected)


def deployment(image: str, **spec: Any) -> dict[str, Any]:
    """The Deployment ``web`` with two replicas."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
            **spec,
        },
    }


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}


def named(version: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}
