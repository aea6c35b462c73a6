"""What a person sees while work goes on: bars on a terminal, one line a stage elsewhere, nothing from Python."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


class Stage(Protocol):
    """One piece of work with a known number of steps."""

    def advance(self, steps: int = 1) -> None: ...


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
            yield _Lines(self._console, title, total)
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


class _Lines:
    """Prints at most eleven lines a stage, so that a CI log shows life without drowning in it."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        self._console, self._title, self._total, self._done = console, title, total, 0
        console.print(f"     {title} ...", highlight=False)

    def advance(self, steps: int = 1) -> None:
        before, self._done = self._done, self._done + steps
        if self._total >= 20 and before * 10 // self._total != self._done * 10 // self._total < 10:
            self._console.print(f"     {title_of(self._title)} {self._done}/{self._total}", highlight=False)


def title_of(title: str) -> str:
    """A stage title short enough to stand before a count."""
    return title if len(title) <= 60 else title[:59] + "…"
