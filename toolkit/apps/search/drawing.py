"""Draw sensitivity.png and pareto.png of a search."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from toolkit.apps.search.result import SearchResult
from toolkit.apps.search.strategy import pareto_front

_SHOWN = 70


def draw(result: SearchResult) -> None:
    """Write both pictures into the search's folder."""
    _sensitivity(result, result.folder.root / "sensitivity.png")
    _pareto(result, result.folder.root / "pareto.png")


def _sensitivity(result: SearchResult, path: Path) -> None:
    """Draw bars of every layer, most harmful on top; kept ones in another colour."""
    layers = sorted(result.sensitivity, key=lambda layer: layer.sqnr_db)[:_SHOWN]
    figure, (left, right) = _figure(2, height=1.2 + 0.19 * len(layers))
    names = [layer.name for layer in layers]
    colours = ["#bd6414" if name in result.best.kept else "#2f68b3" for name in names]
    left.barh(names, [layer.sqnr_db for layer in layers], color=colours)
    left.set_xlabel("logits, SQNR in dB (less is worse)")
    right.barh(names, [layer.worst_class[1] * 100 for layer in layers], color=colours)
    right.set_xlabel("worst class, points of IoU")
    right.set_yticklabels([])
    for axes in (left, right):
        axes.invert_yaxis()
        axes.tick_params(labelsize=7)
        axes.margins(y=0.005)
    kept = f"; {len(result.best.kept)} kept in float16 (orange)" if result.best.kept else "; none has to be kept"
    figure.suptitle(f"Each layer alone in int8{kept}", fontsize=10)
    _save(figure, path)


def _pareto(result: SearchResult, path: Path) -> None:
    """Draw the worst class against size, and against latency where it was measured; the front as a line, the limit
    dashed.
    """
    timed = all(candidate.p50_ms is not None for candidate in result.tried)
    figure, axes = _figure(2 if timed else 1, height=4.2)
    costs: list[tuple[str, Any]] = [("MB", lambda item: item.size_bytes / 1e6)]
    if timed:
        costs.append(("median ms in LiteRT", lambda item: item.p50_ms))
    for place, (label, cost) in zip(axes, costs, strict=True):
        place.scatter(
            [cost(item) for item in result.tried], [item.worst_delta * 100 for item in result.tried], color="#7b828a"
        )
        front = pareto_front(result.tried, cost)
        place.plot(
            [cost(item) for item in front],
            [item.worst_delta * 100 for item in front],
            "o-",
            color="#2f68b3",
            label="front",
        )
        place.plot(
            [cost(result.best)], [result.best.worst_delta * 100], "*", color="#bd6414", markersize=14, label="chosen"
        )
        place.axhline(-result.limits.class_drop * 100, linestyle="--", color="#a8281f", label="limit")
        place.set_xlabel(label)
        place.set_ylabel("worst class, points of IoU")
        place.legend(fontsize=8)
    _save(figure, path)


def _figure(columns: int, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * columns, height), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def _save(figure: Any, path: Path) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    figure.savefig(unfinished, dpi=130, format="png")
    unfinished.replace(path)
