"""Show that work goes on: bars on a terminal, one line a stage elsewhere, nothing from Python.

Titles and notes quote paths, commands and other tools, so brackets in them are text and never markup.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO, runtime_checkable

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


PATIENCE = 5.0
"""Seconds after which a phase is worth a line in a log."""


def plain_console(file: TextIO | None = None, stderr: bool = False) -> Console:
    """Make a console that prints text as it is: brackets are no markup, and ``:name:`` is no emoji."""
    return Console(file=file, stderr=stderr, markup=False, emoji=False)


class Stage(Protocol):
    """Count the steps of one piece of work."""

    def advance(self, steps: int = 1) -> None: ...


@runtime_checkable
class TellingStage(Stage, Protocol):
    """Show also what is done within a step."""

    def doing(self, phase: str, done: int = 0, total: int = 0) -> None:
        """Show that `phase` is being worked on, and that `done` of its `total` parts are over where it has parts."""


class Progress(Protocol):
    """Hear from the pipeline what it does."""

    def stage(self, title: str, total: int) -> AbstractContextManager[Stage]:
        """Show a stage; leaving the with-statement marks it done."""

    def note(self, text: str) -> None:
        """Print one line."""


class _Uncounted:
    def advance(self, steps: int = 1) -> None:
        """Nobody is looking."""


class SilentProgress:
    """Show nothing: for Python callers."""

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Stage]:
        yield _Uncounted()

    def note(self, text: str) -> None:
        """Nobody is looking."""


class ConsoleProgress:
    """Show people live bars with ETA on a terminal, plain lines (start, every tenth, end) in a log."""

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
        done = Text.assemble(("done", "green"), f" {title} ", (f"({seconds:.1f} s)", "dim"))
        self._console.print(done, highlight=False)

    def note(self, text: str) -> None:
        self._console.print(Text(text), highlight=False)


def _bars(console: Console) -> Bars:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("     {task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Bars(*columns, console=console, transient=True)


class _Bar:
    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, steps: int = 1) -> None:
        self._bars.advance(self._task, steps)

    def doing(self, phase: str, done: int = 0, total: int = 0) -> None:
        self._bars.update(self._task, description=title_of(counted(phase, done, total)))


class _Lines:
    """Print at most eleven lines a stage, and one for each phase that takes long: a CI log shows life without
    drowning."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        self._console, self._title, self._total, self._done = console, title, total, 0
        self._phase, self._words = "", ""
        self._timer: threading.Timer | None = None
        console.print(Text(f"     {title} ..."), highlight=False)

    def advance(self, steps: int = 1) -> None:
        before, self._done = self._done, self._done + steps
        if self._total >= 20 and before * 10 // self._total != self._done * 10 // self._total < 10:
            line = f"     {title_of(self._title)} {self._done}/{self._total}"
            self._console.print(Text(line), highlight=False)

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
        self._console.print(Text(f"     {self._words} ..."), highlight=False)


def counted(phase: str, done: int, total: int) -> str:
    """Write a phase with its count: ``calibrating, picture 12 of 32``."""
    return f"{phase} {done} of {total}" if total else phase


def title_of(title: str) -> str:
    """Shorten a stage title, so that it can stand before a count."""
    return title if len(title) <= 60 else title[:59] + "…"
