"""What the simulation needs of Helm."""

from collections.abc import Mapping
from typing import Any, Protocol


class Rendered(Protocol):
    @property
    def objects(self) -> tuple[dict[str, Any], ...]: ...
    @property
    def hooks(self) -> tuple[dict[str, Any], ...]: ...
    @property
    def manifest(self) -> str: ...


class Helm(Protocol):
    async def render(
        self, archive: bytes, *, release: str, namespace: str, values: Mapping[str, Any] | None = None
    ) -> Rendered: ...
