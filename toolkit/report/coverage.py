"""Every artifact in every backend: what was measured, what was emulated, what was not run and how to get it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from toolkit.report.models import ArtifactEntry, ReportDocument, Run
from toolkit.report.wording import MISSING, fraction, megabytes, milliseconds

if TYPE_CHECKING:
    from rich.table import Table

State = Literal["measured", "emulated", "not run", "failed"]
STATES: tuple[State, ...] = ("measured", "emulated", "not run", "failed")
WHAT = ("accuracy", "time", "memory")
_NO_DATASET = "no dataset was given"
_NOT_ASKED = "not asked for"


@dataclass(frozen=True)
class CoverageRow:
    """One artifact in one backend.

    Attributes:
        artifact, runtime: names.
        states: of accuracy, time and memory, in the order of `WHAT`.
        cells: what to show of each.
        missing: sentences on what is not there, with what gives it.
    """

    artifact: str
    runtime: str
    states: tuple[State, State, State]
    cells: tuple[str, str, str]
    missing: tuple[str, ...]


def coverage_rows(document: ReportDocument, folder: str) -> list[CoverageRow]:
    """A row for each run of the report; `folder` is the run's, for the commands in it."""
    return [_row(artifact, run, folder) for artifact in document.artifacts for run in artifact.runs]


def counts(rows: Sequence[CoverageRow]) -> dict[str, dict[State, int]]:
    """Of accuracy, time and memory, how many rows are in which state."""
    return {
        what: {state: Counter(row.states[place] for row in rows)[state] for state in STATES}
        for place, what in enumerate(WHAT)
    }


def counts_sentence(rows: Sequence[CoverageRow]) -> str:
    """``8 pairs of artifact and backend: accuracy 5 measured, 3 not run; ...``."""
    parts = [
        f"{what} {', '.join(f'{number} {state}' for state, number in states.items() if number) or 'nowhere'}"
        for what, states in counts(rows).items()
    ]
    return f"{len(rows)} pairs of artifact and backend: {'; '.join(parts)}."


def coverage_table(rows: Sequence[CoverageRow]) -> Table:
    """For the terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for title in ("artifact", "runtime", "mIoU", "p50 ms", "memory (anonymous)", "what is missing, and how to get it"):
        table.add_column(title, overflow="fold", justify="right" if title[0] in "mp" else "left")
    before = ""
    for row in rows:
        name = "" if row.artifact == before else row.artifact
        table.add_row(*map(Text, (name, row.runtime, *row.cells, "\n".join(row.missing))))
        before = row.artifact
    return table


def _row(artifact: ArtifactEntry, run: Run, folder: str) -> CoverageRow:
    accuracy, time = _accuracy_state(run), _time_state(run)
    memory: State = "measured" if run.peak_memory_bytes is not None else "not run"
    states = (accuracy, time, memory)
    missing = []
    if accuracy == "emulated":
        missing.append(f"accuracy emulated: {run.emulates}")
    elif accuracy != "measured":
        missing.append(f"accuracy {accuracy}: {_accuracy_reason(run, folder)}")
    if time != "measured":
        missing.append(f"time {time}: {_latency_reason(artifact, run, folder)}")
    if memory != "measured" and run.memory_reason not in (run.latency_reason, run.reason):
        missing.append(f"memory not run: {run.memory_reason or 'its reason was not recorded'}")
    if len({line.partition(": ")[2] for line in missing}) == 1 and len(missing) > 1:
        missing = [f"not run: {missing[0].partition(': ')[2]}"]
    return CoverageRow(artifact.name, run.title, states, _cells(run, states), tuple(missing))


def _accuracy_state(run: Run) -> State:
    if run.status == "measured":
        return "emulated" if run.emulates else "measured"
    return "failed" if run.status == "failed" else "not run"


def _time_state(run: Run) -> State:
    if run.latency_ms is not None:
        return "measured"
    return "failed" if run.latency_status == "failed" else "not run"


def _accuracy_reason(run: Run, folder: str) -> str:
    if run.reason in (None, "", _NO_DATASET):
        return f"segport validate {folder} --runners {run.runner}:{run.backend}"
    return str(run.reason)


def _latency_reason(artifact: ArtifactEntry, run: Run, folder: str) -> str:
    reason = run.latency_reason or _NOT_ASKED
    if reason == _NOT_ASKED:
        reason = f"segport bench {folder} --runners {run.runner}:{run.backend}"
    if artifact.format == "coreml":
        reason += f"; for a Mac or iPhone: segport bench {folder} --bundle FILE.zip"
    return reason


def _cells(run: Run, states: tuple[State, State, State]) -> tuple[str, str, str]:
    miou = fraction(run.miou) if run.status == "measured" else MISSING
    if states[0] == "emulated":
        miou = f"{miou} emulated"
    memory = megabytes(run.peak_memory_bytes)
    if run.anonymous_memory_bytes is not None:
        memory += f" ({run.anonymous_memory_bytes / 1e6:.0f})"
    return miou, milliseconds(run.latency_ms.p50 if run.latency_ms else None), memory
