"""Changes as the deployment pipeline asks for them."""

from collections.abc import Iterable, Mapping

from dulwich.object_store import MemoryObjectStore

from dag_gateway.iac import Change, Edit, Folder, commit_message
from dag_gateway.iac.reader import New


def keep(store: MemoryObjectStore, made: Iterable[New]) -> None:
    """Add what an edit made."""
    for new in made:
        store.add_object(new.as_stored())


def deploy(
    deployment_id: str, path: str = "clusters/test/web", files: Mapping[str, bytes] | None = None, app: str = "web"
) -> Change:
    """Replace ``path`` by ``files`` (None: a chart that only this deployment has)."""
    content = files or {"Chart.yaml": f"name: web\nversion: 1.0.0+{deployment_id}\n".encode(), "values.yaml": b"a: 1\n"}

    def build(_: Folder | None) -> Edit:
        return Edit(content, commit_message(app, "1.0.0", {"Environment": "test", "Deployment-Id": deployment_id}))

    return Change(deployment_id, path, build)
