"""Print for `segport inspect`: content, time, memory, what accelerators refuse, and where a package departs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from converters.formats.tflite.file.arena import ArenaPlan, plan_arena
from converters.formats.tflite.file.flatbuffer import read_model
from converters.inspect import describe
from converters.lint.linting import lint
from toolkit.apps.inspect.departure import in_words, verdict
from toolkit.errors import ExitStatus, UsageError
from toolkit.progress import plain_console
from validation.observing.departure import Departure
from validation.results.operations import OperationProfile, not_profiled
from validation.runners.litert.profiled_graph import OPTIONS, profile_file
from validation.runners.litert.profiler import short_name
from validation.runners.litert.runner import LiteRtRunner

if TYPE_CHECKING:
    from rich.table import Table


_ALIVE_SHOWN = 6
_STATUS = {"measured": ExitStatus.PASS, "not_run": ExitStatus.NOT_INSTALLED, "failed": ExitStatus.TOOL_FAILED}
_NOTE = (
    "Profiling slows an inference down: shares count, not milliseconds. A name is that of the operation in the "
    "file where "
    "it is certain, else the kernel's own with its part of the graph and its place there."
)
_PLAN_NOTE = (
    "Worked out from the file: lives of tensors, packed as TensorFlow Lite packs them. Kernels' scratch memory, "
    "packed weights, and "
    "what a delegate merges are not in it; `segport bench` measures what a process really holds."
)


def show_content(artifact: Path) -> int:
    """Print what an artifact holds, read from the file itself."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(str(artifact)), show_header=False, title_justify="left")
    section = None
    for fact in describe(artifact):
        if fact.section != section:
            section = fact.section
            table.add_section()
            table.add_row(Text(section, style="bold"), "")
        # Names come from the file: they are text, whatever brackets are in them.
        table.add_row(Text(fact.key), Text(fact.value))
    plain_console().print(table)
    return ExitStatus.PASS


def show_profile(path: Path, backend: str, threads: int, as_json: bool) -> int:
    """Print the operations of a .tflite file by time, longest first.

    Raises:
        UsageError: not a .tflite file, or no such backend.
        SourceError: a damaged file.
    """

    _check_tflite(path, "--profile", "; `segport bench RUN --per-op` profiles .onnx files")
    if backend not in OPTIONS:
        raise UsageError(f"there is no backend {backend!r}; choose from: {', '.join(OPTIONS)}")
    read_model(path)
    reason = LiteRtRunner.availability(backend).reason or LiteRtRunner.operations_reason(backend)
    found = not_profiled(reason) if reason else profile_file(path, backend, threads)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2))
    else:
        _print_profile(f"{path} in litert ({backend}), {threads} thread{'s' * (threads > 1)}", found)
    return _STATUS[found.status]


def show_memory(path: Path, as_json: bool) -> int:
    """Print the plan of a .tflite file's activations; raises UsageError for another kind, SourceError for a damaged
    one.
    """

    _check_tflite(path, "--memory", "")
    plan = plan_arena(path)
    if as_json:
        typer.echo(json.dumps(asdict(plan), indent=2))
    else:
        _print_plan(path, plan)
    return ExitStatus.PASS


def _check_tflite(path: Path, option: str, instead: str) -> None:
    if path.suffix != ".tflite":
        raise UsageError(f"{option} reads .tflite files, and {path} is none{instead}")
    if not path.is_file():
        raise UsageError(f"{path} does not exist; give the path of a .tflite file")


def _print_profile(title: str, found: OperationProfile) -> None:
    console = plain_console()
    if found.status != "measured":
        console.print(f"not measured: {found.reason}", highlight=False, soft_wrap=True)
        return
    console.print(f"{title}, {found.runs} inferences", style="bold", highlight=False, soft_wrap=True)
    kinds = _table("kind", "calls", "ms", "share", "delegated")
    for item in found.kinds:
        kinds.add_row(item.kind, f"{item.calls:g}", f"{item.ms:.3f}", f"{item.share:.1%}", _yes(item.delegated))
    single = _table("operation", "kind", "ms", "share", "delegated")
    for item in found.operations:
        single.add_row(item.name, item.kind, f"{item.ms:.3f}", f"{item.share:.1%}", _yes(item.delegated))
    console.print(kinds, highlight=False)
    console.print(single, highlight=False)
    console.print(f"All operations: {found.total_ms:.1f} ms. {_NOTE}", highlight=False, style="dim")


def _print_plan(path: Path, plan: ArenaPlan) -> None:

    table = _table("tensor", "type", "shape", "MB", "lives")
    for life in plan.alive[:_ALIVE_SHOWN]:
        shape = " x ".join(map(str, life.shape))
        table.add_row(short_name(life.name), life.dtype, shape, _megabytes(life.bytes), f"{life.first} to {life.last}")
    if len(plan.alive) > _ALIVE_SHOWN:
        rest = plan.alive[_ALIVE_SHOWN:]
        table.add_row(f"{len(rest)} more", "", "", _megabytes(sum(life.bytes for life in rest)), "")
    console = plain_console()
    title = f"{path}: alive at operation {plan.place}, {plan.kind}"
    console.print(title, style="bold", highlight=False, soft_wrap=True)
    console.print(table, highlight=False)
    words = (
        f"Activations: {_megabytes(plan.peak_bytes)} MB at the peak, {_megabytes(plan.arena_bytes)} MB packed into "
        "an arena"
    )
    if plan.widened_bytes:
        words += f"; constants widened when it runs: {_megabytes(plan.widened_bytes)} MB"
    console.print(f"{words}.", highlight=False, soft_wrap=True)
    console.print(_PLAN_NOTE, style="dim", highlight=False)


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in columns:
        right = name in ("ms", "share", "calls", "MB")
        table.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
    return table


def _yes(delegated: bool | None) -> str:
    return "" if delegated is None else "yes" if delegated else "no"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.2f}"


def show_lint(artifact: Path, as_json: bool) -> int:

    found = lint(artifact)
    if as_json:
        typer.echo(json.dumps([report.to_json() for report in found], indent=2))
        return 0
    console = plain_console()
    if not found:
        console.print(f"No target of the lint runs {artifact.suffix} files.", highlight=False)
    for report in found:
        console.print(report.sentence, style="bold", highlight=False, soft_wrap=True)
        for item in report.findings:
            operations = ", ".join(f"{count} {op}" for op, count in item.operations.items())
            split = "" if item.splits else " (does not split the graph)"
            console.print(
                f"  {operations}: {item.reason}{split}\n    first: {item.where[0]}\n    instead: {item.rewrite}\n"
                f"    source: {item.source}",
                highlight=False,
                soft_wrap=True,
            )
        console.print(f"  note: {report.caveat}", style="dim", highlight=False, soft_wrap=True)
    return 0


def show_departure(found: Departure) -> None:
    from rich.table import Table

    title = f"{found.candidate} against {found.reference}, {found.pictures} pictures, SQNR in dB"
    table = Table("", "operation", "op", title=title, title_justify="left")
    for heading in ("as stored", "in float32", "lost here"):
        table.add_column(heading, justify="right")
    for item in found.operations:
        style = "bold red" if found.first is not None and item.number == found.first.number else None
        decibels = (in_words(item.sqnr_db) or item.note, in_words(item.float32_db), in_words(item.lost_db))
        table.add_row(str(item.number), item.name, item.kind, *decibels, style=style)
    console = plain_console()
    console.print(table, highlight=False)
    for output in found.outputs:
        classes = "" if output.same_class is None else f", same class at {output.same_class:.2%} of the pixels"
        line = f"output {output.name} against {output.against}: {in_words(output.sqnr_db)} dB{classes}"
        console.print(line, highlight=False, soft_wrap=True)
    console.print(verdict(found), highlight=False, soft_wrap=True)
