"""Tell how a training goes: a terminal display and a log file, both behind one small interface."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from fpliif.evaluate import Scores


class Observer(Protocol):
    """Hear what happens during a training, in order."""

    def scenes(self, split: str, ready: int, wanted: int) -> None:
        """Hear that scenes of a split are being read or drawn."""

    def started(self, step: int, steps: int) -> None:
        """Hear that training begins, or goes on, after `step` of `steps`."""

    def stepped(self, step: int, loss: float, rate: float, seconds: float) -> None:
        """Hear that steps up to `step` are done: mean loss since the last call, learning rate, seconds a step."""

    def validated(self, step: int, scores: Scores, best: bool) -> None:
        """Hear that the averaged weights after `step` were validated."""


class TrainingLog:
    """Append one JSON object a line; lines after the step that a training resumes from are dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def scenes(self, split: str, ready: int, wanted: int) -> None:
        pass

    def started(self, step: int, steps: int) -> None:
        lines = self._path.read_text().splitlines(keepends=True) if self._path.is_file() else []
        self._path.write_text("".join(line for line in lines if json.loads(line)["step"] <= step))

    def stepped(self, step: int, loss: float, rate: float, seconds: float) -> None:
        self._write({"step": step, "loss": round(loss, 6), "rate": rate, "seconds_a_step": round(seconds, 4)})

    def validated(self, step: int, scores: Scores, best: bool) -> None:
        self._write({"step": step, "best": best, **scores.to_json()})

    def _write(self, entry: dict[str, object]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(entry) + "\n")


class TerminalProgress:
    """Show a live bar with the time left, and one line a validation; plain lines when the output is no terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks = {"train": self._bar.add_task("train", visible=False, total=None, note="")}

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def scenes(self, split: str, ready: int, wanted: int) -> None:
        name = f"{split} scenes"
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(name, note="")
        self._bar.update(self._tasks[name], completed=ready, total=wanted)
        if not self._console.is_terminal:
            self._console.print(f"{name}: {ready}/{wanted}", markup=False)

    def started(self, step: int, steps: int) -> None:
        self._bar.update(self._tasks["train"], completed=step, total=steps, visible=True)

    def stepped(self, step: int, loss: float, rate: float, seconds: float) -> None:
        note = f"loss {loss:.4f}  {seconds:.3f} s/step"
        self._bar.update(self._tasks["train"], completed=step, note=note)
        if not self._console.is_terminal:
            self._console.print(f"step {step}  {note}  rate {rate:.2e}", markup=False)

    def validated(self, step: int, scores: Scores, best: bool) -> None:
        classes = "  ".join(f"{name} {value:.3f}" for name, value in scores.iou.items() if value is not None)
        mark = "  (best)" if best else ""
        summary = f"validation after {step}: mIoU {scores.miou:.4f}  F1 {scores.mean_f1:.4f}{mark}"
        self._console.print(f"{summary}\n  {classes}", soft_wrap=True, markup=False)
