"""The chart that every side deploys: eight files, the version in two of them."""

from collections.abc import Mapping
from functools import cache

from dag_gateway.iac import Change, Edit, Folder, commit_message

_KINDS = ("deployment", "service", "ingress", "configmap", "hpa", "serviceaccount")


def chart(version: str, variant: int = 0) -> dict[str, bytes]:
    """Path relative to the chart -> content; the templates differ by ``variant`` only."""
    texts = {
        "Chart.yaml": f"apiVersion: v2\nname: web\nversion: {version}\n",
        "values.yaml": f"image: registry.example.com/web:{version}\n" + "setting: value\n" * 40,
        **{f"templates/{kind}.yaml": _template(kind, variant) for kind in _KINDS},
    }
    return {name: text.encode() for name, text in texts.items()}


@cache
def _template(kind: str, variant: int) -> str:
    return "".join(f"{kind}-{line}: {{{{ .Values.variant{variant}.setting{line} }}}}\n" for line in range(40))


def change(deployment_id: str, path: str) -> Change:
    """A deployment as the pipeline asks for it; its content is nobody else's."""
    version = f"1.0.0+{deployment_id}"
    trailers: Mapping[str, str] = {"Environment": "production", "Deployment-Id": deployment_id}
    edit = Edit(chart(version), commit_message("web", version, trailers))

    def build(_: Folder | None) -> Edit:
        return edit

    return Change(deployment_id, path, build)
