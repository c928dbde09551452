"""Whether what runs has the images that Helm released: others may write to the same objects after it."""

from collections.abc import Iterator, Mapping

from dag_gateway.model.health import Health, progressing

from .helm_record import IMAGES, images
from .live import Snapshot
from .objects import Object, title
from .resources import Selection


def differences(released: Mapping[Selection, Object], seen: Snapshot) -> list[Health]:
    """One entry per container with another image; ``released`` are objects of a ``Release``, by where they are."""
    pairs = ((obj, live) for selection, obj in released.items() for live in seen.get(selection, ()))
    return [progressing(words) for obj, live in pairs for words in _differences(obj, live)]


def _differences(obj: Object, live: Object) -> Iterator[str]:
    found = images(live)
    for container, image in (obj.get(IMAGES) or {}).items():
        if found.get(container) != image:
            yield f"{title(live)}: container {container} has {found.get(container, 'no image')}, released was {image}"
