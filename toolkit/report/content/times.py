"""Draw tables of time for the terminal: thread counts side by side, the operations that take longest, executed
instructions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from toolkit.document.run_shape import OperationProfile, Run
from toolkit.document.shape import ReportDocument
from toolkit.report.content.figures import MISSING, milliseconds
from toolkit.report.content.instructions import COLUMNS, TITLE, instruction_rows

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_KINDS = 3
_OPERATIONS = 5


def time_tables(document: ReportDocument) -> Iterator[RenderableType]:
    """Draw the tables for which there are figures, and a line for each reason why there are none."""
    runs = [(artifact.name, run) for artifact in document.artifacts for run in artifact.runs]
    if swept := [(name, run) for name, run in runs if run.thread_sweep]:
        yield _threads(swept)
    profiles = [(name, run, run.per_op) for name, run in runs if run.per_op is not None]
    if measured := [item for item in profiles if item[2].status == "measured"]:
        yield _operations(measured)
    for reason in dict.fromkeys(profile.reason for _, _, profile in profiles if profile.status != "measured"):
        yield _plain(f"operations not measured: {reason}")
    if counted := instruction_rows(document):
        table = _table(TITLE, *COLUMNS)
        for row in counted:
            table.add_row(*map(_plain, row))
        yield table


def _threads(swept: list[tuple[str, Run]]) -> Table:
    counts = sorted({item.threads for _, run in swept for item in run.thread_sweep})
    table = _table("p50 ms by number of threads", "artifact", "runtime")
    for count in counts:
        table.add_column(str(count), justify="right", no_wrap=True)
    for name, run in swept:
        times = {item.threads: item.p50 for item in run.thread_sweep}
        table.add_row(_plain(name), _plain(run.title), *(milliseconds(times.get(count)) for count in counts))
    return table


def _operations(measured: list[tuple[str, Run, OperationProfile]]) -> Table:
    table = _table("where an inference's time goes", "artifact", "runtime", "kinds", "longest operations")
    for name, run, profile in measured:
        kinds = ", ".join(f"{item.kind} {item.share:.0%}" for item in profile.kinds[:_KINDS])
        named = [item for item in profile.operations[:_OPERATIONS] if item.name != item.kind]
        longest = "\n".join(f"{item.share:5.1%} {item.name}" for item in named) or MISSING
        table.add_row(_plain(name), _plain(run.title), _plain(kinds), _plain(longest))
    return table


def _table(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _plain(text: str) -> RenderableType:
    """Give text in which square brackets are brackets, not markup."""
    from rich.text import Text

    return Text(text)
