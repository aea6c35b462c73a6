"""Show a person what is being worked on: bars on a terminal, lines elsewhere, nothing from Python."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


PATIENCE = 5.0
"""Seconds after which a phase is worth a line in a log."""


class Stage(Protocol):
    """One piece of work with a known number of steps."""

    def advance(self, steps: int = 1) -> None: ...


@runtime_checkable
class TellingStage(Stage, Protocol):
    """A stage that also shows what is done within a step."""

    def doing(self, phase: str, done: int = 0, total: int = 0) -> None:
        """Show that `phase` is being worked on, and that `done` of its `total` parts are over where it has parts."""


class Progress(Protocol):
    """Where the pipeline tells what it does."""

    def stage(self, title: str, total: int) -> AbstractContextManager[Stage]:
        """Show a stage; leaving the with-statement marks it done."""

    def note(self, text: str) -> None:
        """Print one line."""


class _Uncounted:
    def advance(self, steps: int = 1) -> None:
        """Nobody is looking."""


class SilentProgress:
    """For Python callers: shows nothing."""

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Stage]:
        yield _Uncounted()

    def note(self, text: str) -> None:
        """Nobody is looking."""


class ConsoleProgress:
    """For people: live bars with ETA on a terminal, plain lines (start, every tenth, end) in a log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Stage]:
        started = time.monotonic()
        if self._console.is_terminal:
            with _bars(self._console) as bars:
                yield _Bar(bars, bars.add_task(title, total=total))
        else:
            lines = _Lines(self._console, title, total)
            try:
                yield lines
            finally:
                lines.end()
        seconds = time.monotonic() - started
        self._console.print(f"[green]done[/] {title} [dim]({seconds:.1f} s)[/]", highlight=False)

    def note(self, text: str) -> None:
        self._console.print(text, highlight=False)


def _bars(console: Console) -> Bars:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("     {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Bars(*columns, console=console, transient=True)


class _Bar:
    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, steps: int = 1) -> None:
        self._bars.advance(self._task, steps)

    def doing(self, phase: str, done: int = 0, total: int = 0) -> None:
        self._bars.update(self._task, description=title_of(counted(phase, done, total)))


class _Lines:
    """Prints at most eleven lines a stage, and one for each phase that takes long, so that a CI log shows life without drowning in it."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        self._console, self._title, self._total, self._done = console, title, total, 0
        self._phase, self._words = "", ""
        self._timer: threading.Timer | None = None
        console.print(f"     {title} ...", highlight=False)

    def advance(self, steps: int = 1) -> None:
        before, self._done = self._done, self._done + steps
        if self._total >= 20 and before * 10 // self._total != self._done * 10 // self._total < 10:
            self._console.print(f"     {title_of(self._title)} {self._done}/{self._total}", highlight=False)

    def doing(self, phase: str, done: int = 0, total: int = 0) -> None:
        self._words = counted(phase, done, total)
        if phase == self._phase:
            return
        self.end()
        self._phase = phase
        self._timer = threading.Timer(PATIENCE, self._print_phase)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """Say no more of the present phase."""
        if self._timer is not None:
            self._timer.cancel()
        self._phase, self._timer = "", None

    def _print_phase(self) -> None:
        self._console.print(f"     {self._words} ...", highlight=False)


def counted(phase: str, done: int, total: int) -> str:
    """A phase with its count: ``calibrating, picture 12 of 32``."""
    return f"{phase} {done} of {total}" if total else phase


def title_of(title: str) -> str:
    """A stage title short enough to stand before a count."""
    return title if len(title) <= 60 else title[:59] + "…"
