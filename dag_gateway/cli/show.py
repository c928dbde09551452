"""A rollout on stderr: bars on a terminal, plain lines with log sections everywhere else."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import IO, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from dag_gateway.clock import Clock

from .ci import Ci, CiSystem
from .lines import clean, lines_of, target_head, update_lines
from .sections import closing, opening
from .updates import StatusUpdate, TargetUpdate, Update

_STYLES: Mapping[str, str] = {"deployed": "bold green", "failed": "bold red"}


class View(Protocol):
    """Where a rollout is shown. A context manager: leave it before anything else is written to stderr."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def stage(self, name: str, title: str) -> AbstractContextManager[None]:
        """A foldable part of the log."""
        ...

    def note(self, text: str) -> None:
        """One line of what the client does."""
        ...

    def sent(self, done: int, total: int) -> None:
        """How many bytes of the upload are sent."""
        ...

    def update(self, update: Update) -> None:
        """What the stream said."""
        ...


def view_for(ci: Ci, console: Console, clock: Clock) -> View:
    """Bars where a person looks at a terminal, lines where a CI system keeps a log."""
    if console.is_terminal and ci.system is CiSystem.NONE:
        return TerminalView(console)
    return LogView(console.file, ci.system, clock)


class LogView:
    """Plain lines. A target is written again only when its line differs from the last one."""

    def __init__(self, out: IO[str], system: CiSystem, clock: Clock) -> None:
        self._out = out
        self._system = system
        self._clock = clock
        self._shown: dict[str, TargetUpdate] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.flush()

    @contextmanager
    def stage(self, name: str, title: str) -> Iterator[None]:
        self._write(opening(self._system, name, clean(title), self._now()))
        try:
            yield
        finally:
            self._write(closing(self._system, name, self._now()))

    def note(self, text: str) -> None:
        self._write_lines(lines_of("dag", text))

    def sent(self, done: int, total: int) -> None:
        if done == total:
            self.note(f"sent {total} bytes")

    def update(self, update: Update) -> None:
        if isinstance(update, TargetUpdate):
            if self._shown.get(update.id) == update:
                return
            self._shown[update.id] = update
        self._write_lines(update_lines(update))

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _write_lines(self, lines: list[str]) -> None:
        self._write("".join(f"{line}\n" for line in lines))

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


class TerminalView:
    """Statuses scroll by; the upload and every target have a bar below them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            # markup=False, and Text elsewhere: a message may contain what rich would take for markup.
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[message]}", markup=False),
            console=console,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def stage(self, name: str, title: str) -> Iterator[None]:
        self._print(title, "bold")
        yield

    def note(self, text: str) -> None:
        self._print(text, "dim")

    def sent(self, done: int, total: int) -> None:
        self._bar("upload", "upload", f"{done} of {total} bytes", done, total)

    def update(self, update: Update) -> None:
        if isinstance(update, StatusUpdate):
            self._print("\n".join(update_lines(update)), _STYLES.get(update.status, ""))
            return
        finished = update.status == "deployed"
        total = update.desired or (1 if finished else None)
        done = total if finished and total else update.ready or 0
        self._bar(update.id, target_head(update), update.message, done, total)

    def _bar(self, key: str, title: str, message: str, done: int, total: int | None) -> None:
        if key not in self._bars:
            self._bars[key] = self._progress.add_task(clean(title), total=None, message="")
        first_line = clean(message).partition("\n")[0]
        self._progress.update(
            self._bars[key], description=clean(title), total=total, completed=done, message=first_line
        )

    def _print(self, text: str, style: str) -> None:
        self._console.print(Text(clean(text), style=style), soft_wrap=True)
