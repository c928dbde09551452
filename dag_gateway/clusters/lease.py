"""A part in an informer that is shared: some of its objects, and being woken when these change."""

from collections.abc import Callable

from .cache import Wake
from .errors import ClusterMisconfigured
from .informer import Informer, Loss
from .objects import Object
from .resources import Selection


class Lease:
    """``selection`` as it is now. Whoever took it releases it."""

    def __init__(
        self, selection: Selection, wake: Wake, informer: Informer, give_back: Callable[["Lease"], None]
    ) -> None:
        self.selection = selection
        self._wake = wake
        self._informer = informer
        self._give_back = give_back
        self._objects: tuple[Object, ...] | None = None
        informer.cache.listen(selection, self.wake)

    def wake(self) -> None:
        """Something has changed, for the cache or for who looks."""
        self._objects = None
        self._wake()

    @property
    def objects(self) -> tuple[Object, ...]:
        """The same tuple until one of them changes."""
        if self._objects is None:
            self._objects = self._informer.cache.select(self.selection)
        return self._objects

    @property
    def synced(self) -> bool:
        """Whether ``objects`` are all that there were at some moment."""
        return self._informer.synced

    @property
    def loss(self) -> Loss | None:
        """Since when the objects may have changed unnoticed; None while they are kept up to date."""
        return self._informer.loss

    @property
    def refused(self) -> ClusterMisconfigured | None:
        """Why there will be no objects any more; waiting does not mend it."""
        return self._informer.refused

    def check(self) -> None:
        """Raises RuntimeError when the informer has died of a mistake of ours."""
        if self._informer.died is not None:
            raise RuntimeError(f"the watch of {self.selection} died unexpectedly") from self._informer.died

    def move(self, informer: Informer) -> None:
        """Goes on with another informer, which knows the same objects."""
        self._informer.cache.ignore(self.selection, self.wake)
        self._informer, self._objects = informer, None
        informer.cache.listen(self.selection, self.wake)

    def release(self) -> None:
        """Once; nobody is woken after it."""
        self._informer.cache.ignore(self.selection, self.wake)
        self._give_back(self)
