"""ControllerRevisions: the remembered templates of StatefulSets and DaemonSets."""

from dag_gateway.simulator import kinds
from dag_gateway.simulator.kinds import Key, Object
from dag_gateway.simulator.registry import Registry

from .owners import owned, reference
from .templates import REVISION_LABEL, template_hash


def revision_of(registry: Registry, owner: Object) -> Object:
    """The revision of the owner's template now; made when it is new, numbered anew when it is an earlier one."""
    metadata, template = owner["metadata"], owner["spec"]["template"]
    known = owned(registry.store, kinds.CONTROLLER_REVISION, owner)
    name = f"{metadata['name']}-{template_hash(template)}"
    highest = max((found["revision"] for found in known), default=0)
    found = next((found for found in known if found["metadata"]["name"] == name), None)
    if found is None:
        return registry.create(
            kinds.CONTROLLER_REVISION,
            metadata["namespace"],
            {
                "metadata": {
                    "name": name,
                    "labels": {REVISION_LABEL: template_hash(template)},
                    "ownerReferences": [reference(owner)],
                },
                "data": {"spec": {"template": {**template, "$patch": "replace"}}},
                "revision": highest + 1,
            },
        )
    if found["revision"] < highest:
        key = Key(kinds.CONTROLLER_REVISION, metadata["namespace"], name)
        return registry.replace(key, {**found, "revision": highest + 1})
    return found


def template_at(registry: Registry, owner: Object, name: str) -> Object:
    """The template of a revision; the owner's own when the revision is not remembered."""
    found = registry.store.get(kinds.CONTROLLER_REVISION, owner["metadata"]["namespace"], name)
    template: Object = found["data"]["spec"]["template"] if found else owner["spec"]["template"]
    return {key: value for key, value in template.items() if key != "$patch"}
