"""Show every artifact in every backend: what was measured, what was emulated, what was not run and how to get it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from toolkit.document.run_shape import Run
from toolkit.document.shape import ArtifactEntry, ReportDocument
from toolkit.report.content.figures import MISSING, fraction, milliseconds

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

State = Literal["measured", "emulated", "not run", "failed"]
STATES: tuple[State, ...] = ("measured", "emulated", "not run", "failed")
WHAT = ("accuracy", "time", "memory")
EMULATED = "*"
_NO_DATASET = "no dataset was given"
_NOT_ASKED = "not asked for"


@dataclass(frozen=True)
class Missing:
    """What is not there of one artifact in one backend.

    Attributes:
        what: one of `WHAT`; empty for all of it.
        state: how it stands.
        reason: why, and what to do.
        command: instead of a reason, what gives it; `backend` is to follow, and others may, with commas between.
        backend: ``"litert:xnnpack"``.
    """

    what: str
    state: State
    reason: str
    command: str
    backend: str

    @property
    def sentence(self) -> str:
        return _sentence(self, [self.backend])


@dataclass(frozen=True)
class CoverageRow:
    """One artifact in one backend.

    Attributes:
        artifact, runtime: names.
        states: of accuracy, time and memory, in the order of `WHAT`.
        cells: what to show of each, and executed instructions; what is emulated has EMULATED behind it.
        missing: what is not there, with what gives it.
    """

    artifact: str
    runtime: str
    states: tuple[State, State, State]
    cells: tuple[str, str, str, str]
    missing: tuple[Missing, ...]


def coverage_rows(document: ReportDocument, folder: str) -> list[CoverageRow]:
    """Make a row for each run of the report; `folder` is the run's, for the commands in it."""
    return [_row(artifact, run, folder) for artifact in document.artifacts for run in artifact.runs]


def counts(rows: Sequence[CoverageRow]) -> dict[str, dict[State, int]]:
    """Count of accuracy, time and memory how many rows are in which state."""
    return {
        what: {state: Counter(row.states[place] for row in rows)[state] for state in STATES}
        for place, what in enumerate(WHAT)
    }


def counts_sentence(rows: Sequence[CoverageRow]) -> str:
    """Write ``8 pairs of artifact and backend: accuracy 5 measured, 3 not run; ...``."""
    parts = [
        f"{what} {', '.join(f'{number} {state}' for state, number in states.items() if number) or 'nowhere'}"
        for what, states in counts(rows).items()
    ]
    return f"{len(rows)} pairs of artifact and backend: {'; '.join(parts)}."


def coverage_notes(rows: Sequence[CoverageRow]) -> list[tuple[str, list[int]]]:
    """Give each different sentence on what is missing, once, and the places of the rows it belongs to.

    Commands that differ in their backend alone are one command for all.
    """
    groups: dict[tuple[str, str, str, str], list[tuple[int, Missing]]] = {}
    for place, row in enumerate(rows):
        for item in row.missing:
            groups.setdefault((item.what, item.state, item.reason, item.command), []).append((place, item))
    return [
        (_sentence(found[0][1], list(dict.fromkeys(item.backend for _, item in found))), [place for place, _ in found])
        for found in groups.values()
    ]


def render_coverage(document: ReportDocument, folder: str, console: Console) -> None:
    """Print one table of every artifact in every backend, and below it, numbered, what is missing and how to get it."""
    from rich.text import Text

    rows = coverage_rows(document, folder)
    notes = coverage_notes(rows)
    console.print()
    console.print(_table(rows, notes))
    for number, (sentence, _) in enumerate(notes, 1):
        console.print(Text(f"{number:>2}  {sentence}"), style="dim", soft_wrap=True)  # commands are copied from here
    console.print()
    for warning in document.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"))
    console.print(counts_sentence(rows), highlight=False, soft_wrap=True)


def _table(rows: Sequence[CoverageRow], notes: Sequence[tuple[str, list[int]]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        header_style="bold",
        caption=f"{EMULATED} emulated, as all counts of instructions are",
        caption_justify="left",
    )
    table.add_column("artifact\n  runtime", overflow="fold")
    for title in ("mIoU", "p50 ms", "memory MB\n(anonym.)", "instructions"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("notes", overflow="fold")
    before = ""
    for place, row in enumerate(rows):
        heading = "" if row.artifact == before else f"{row.artifact}\n"
        above = "\n" if heading else ""
        numbers = ", ".join(str(number) for number, (_, places) in enumerate(notes, 1) if place in places)
        cells = (f"{heading}  {row.runtime}", *(above + cell for cell in (*row.cells, numbers)))
        table.add_row(*map(Text, cells))
        before = row.artifact
    return table


def _sentence(item: Missing, backends: Sequence[str]) -> str:
    return f"{item.what} {item.state}: {item.command + ','.join(backends) if item.command else item.reason}".lstrip()


def _row(artifact: ArtifactEntry, run: Run, folder: str) -> CoverageRow:
    accuracy, time = _accuracy_state(run), _time_state(run)
    memory: State = "measured" if run.peak_memory_bytes is not None else "not run"
    states = (accuracy, time, memory)
    backend = f"{run.runner}:{run.backend}"
    missing = []
    if accuracy == "emulated":
        missing.append(Missing("accuracy", accuracy, str(run.emulates), "", backend))
    elif accuracy != "measured":
        asked = run.reason in (None, "", _NO_DATASET)
        command = f"segport validate {folder} --runners " if asked else ""
        missing.append(Missing("accuracy", accuracy, "" if asked else str(run.reason), command, backend))
    if time != "measured":
        missing.append(_missing_time(artifact, run, time, folder))
    if memory != "measured" and run.memory_reason not in (run.latency_reason, run.reason):
        reason = run.memory_reason or "its reason was not recorded"
        missing.append(Missing("memory", memory, reason, "", backend))
    if len(missing) > 1 and len({(item.state, item.reason, item.command) for item in missing}) == 1:
        missing = [replace(missing[0], what="")]
    return CoverageRow(artifact.name, run.title, states, _cells(run, states), tuple(missing))


def _accuracy_state(run: Run) -> State:
    if run.status == "measured":
        return "emulated" if run.emulates else "measured"
    return "failed" if run.status == "failed" else "not run"


def _time_state(run: Run) -> State:
    if run.latency_ms is not None:
        return "measured"
    return "failed" if run.latency_status == "failed" else "not run"


def _missing_time(artifact: ArtifactEntry, run: Run, state: State, folder: str) -> Missing:
    backend = f"{run.runner}:{run.backend}"
    if run.latency_reason in (None, "", _NOT_ASKED):
        return Missing("time", state, "", f"segport bench {folder} --runners ", backend)
    packed = f"; for a Mac or iPhone: segport bench {folder} --bundle FILE.zip" if artifact.format == "coreml" else ""
    return Missing("time", state, f"{run.latency_reason}{packed}", "", backend)


def _cells(run: Run, states: tuple[State, State, State]) -> tuple[str, str, str, str]:
    miou = fraction(run.miou) if run.status == "measured" else MISSING
    if states[0] == "emulated":
        miou = f"{miou} {EMULATED}"
    memory = MISSING if run.peak_memory_bytes is None else f"{run.peak_memory_bytes / 1e6:.0f}"
    if run.anonymous_memory_bytes is not None:
        memory += f" ({run.anonymous_memory_bytes / 1e6:.0f})"
    executed = f"{run.instructions.total:,}" if run.instructions is not None else MISSING
    return miou, milliseconds(run.latency_ms.p50 if run.latency_ms else None), memory, executed
