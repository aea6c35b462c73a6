"""Show a search to people at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.apps.search.result import SearchResult
from toolkit.report.content.figures import counted, megabytes, milliseconds, points

if TYPE_CHECKING:
    from rich.console import Console


_LAYERS = 12


def show(result: SearchResult, console: Console) -> None:
    """Print the answer, the most harmful layers, everything that was tried, and where the files are."""
    from rich.text import Text

    best = result.best
    console.print()
    console.print(Text(sentence(result), style="green"))
    for entry in result.policy.keep:
        console.print(Text(f"  {entry.layer}: {entry.reason}"))
    console.print()
    console.print(_layers(result))
    console.print()
    console.print(_tried(result))
    console.print(Text(f"\nPolicy: {result.folder.root / 'policy.toml'}; use it with --policy", style="bold"))
    console.print(Text(f"Report: {result.run.folder.root / 'report.html'} ({megabytes(best.size_bytes)})"))


def sentence(result: SearchResult) -> str:
    """Say in a sentence what was found."""
    best = result.best
    how = f"{counted(len(best.kept), 'layer')} in float16" if best.kept else "every layer in int8"
    return (
        f"The limits (mean IoU {points(-result.limits.miou_drop)}, any class {points(-result.limits.class_drop)}) "
        f"hold with {how}: "
        f"mean IoU {points(best.delta_miou)}, worst class {best.worst_class} {points(best.worst_delta)}, "
        f"{megabytes(best.size_bytes)}."
    )


def _layers(result: SearchResult) -> Any:
    table = _table(
        "most harmful layers, each alone in int8", "layer", "SQNR dB", "mIoU", "worst class", "pixels changed"
    )
    for layer in sorted(result.sensitivity, key=lambda item: item.sqnr_db)[:_LAYERS]:
        name, change = layer.worst_class
        table.add_row(
            layer.name,
            f"{layer.sqnr_db:.1f}",
            points(layer.delta_miou),
            f"{name} {points(change)}",
            f"{layer.flipped:.2%}",
        )
    return table


def _tried(result: SearchResult) -> Any:
    table = _table(
        f"tried, on pictures of split {result.chosen_on}",
        "in float16",
        "mIoU",
        "worst class",
        "size",
        "p50 ms",
        "limits",
    )
    for item in result.tried:
        name = str(len(item.kept)) if item.kept else "none"
        table.add_row(
            name,
            points(item.delta_miou),
            f"{item.worst_class} {points(item.worst_delta)}",
            megabytes(item.size_bytes),
            milliseconds(item.p50_ms),
            "kept" if item.within(result.limits) else "broken",
        )
    return table


def _table(title: str, *columns: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    return table
