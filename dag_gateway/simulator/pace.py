"""How fast the simulated cluster lives."""

from dataclasses import dataclass

_SHORTEST_DEADLINE_SECOND = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """``second`` is how many real seconds a simulated second takes."""

    second: float

    def step(self, seconds: float) -> float:
        """The real length of something that takes so many simulated seconds."""
        return seconds * self.second

    def deadline(self, seconds: float) -> float:
        """The real length of a time limit. It shrinks less than steps do, so that a busy machine can keep it."""
        return seconds * max(self.second, _SHORTEST_DEADLINE_SECOND)
