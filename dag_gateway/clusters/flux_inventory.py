"""Flux: what a HelmRelease consists of, as helm-controller lists it; older ones keep no such list.

Source: helm-controller ``api/v2/inventory_types.go``; ids as in cli-utils ``pkg/object/objmetadata.go``.
"""

from collections.abc import Mapping
from typing import Any

from .objects import Object, status


def objects(release: Object) -> list[Object] | None:
    """Objects of which nothing but the name is known, in whichever namespace; None where there is no inventory.

    Hooks are not among them.
    """
    inventory = status(release).get("inventory")
    if inventory is None:
        return None
    return [found for entry in inventory.get("entries") or () if (found := _object(entry))]


def _object(entry: Mapping[str, Any]) -> Object | None:
    """``{"id": "shop_web_apps_Deployment", "v": "v1"}``; a colon in a name is written as two underscores."""
    place, _, rest = str(entry.get("id", "")).partition("_")
    parts = rest.rsplit("_", 2)
    if len(parts) < 3:
        return None
    own_name, group, kind = parts
    version = str(entry.get("v") or "v1")
    metadata = {"name": own_name.replace("__", ":"), "namespace": place}
    return {"apiVersion": f"{group}/{version}" if group else version, "kind": kind, "metadata": metadata}
