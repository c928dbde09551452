"""Changes as the deployment pipeline asks for them."""

from collections.abc import Mapping

from dag_gateway.iac import Change, Edit, Folder, commit_message


def deploy(
    deployment_id: str, path: str = "clusters/test/web", files: Mapping[str, bytes] | None = None, app: str = "web"
) -> Change:
    """Replace ``path`` by ``files`` (None: a chart that only this deployment has)."""
    content = files or {"Chart.yaml": f"name: web\nversion: 1.0.0+{deployment_id}\n".encode(), "values.yaml": b"a: 1\n"}

    def build(_: Folder | None) -> Edit:
        return Edit(content, commit_message(app, "1.0.0", {"Environment": "test", "Deployment-Id": deployment_id}))

    return Change(deployment_id, path, build)
