"""From an artifact on disk to evidence: runners, accuracy, latency, verdicts.

The names below are the public surface; each is imported on first use, so that importing this package costs nothing.
All runners by name are given by `validation.runners.runners()`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from validation.accuracy.confusion import ConfusionMatrix, Scores, confusion_matrix, scores
    from validation.accuracy.evaluation import evaluate, reference_maps
    from validation.accuracy.maps import LabelMaps
    from validation.accuracy.result import AccuracyResult
    from validation.errors import RunnerError, ValidationError
    from validation.measure import Measurements, Reference, measure_reference, measure_run
    from validation.results.facts import Availability
    from validation.results.latency import LatencyResult, LatencySettings
    from validation.results.run import RunResult, Status
    from validation.runners.base.contract import Runner
    from validation.runners.base.values import label_map
    from validation.runners.reference import TorchRunner, torch_artifact
    from validation.timing.fresh_start import MemoryResult, peak_memory
    from validation.timing.stopwatch import Stopwatch, measure_latency
    from validation.verdict.against_reference import Comparison, compare_with_reference
    from validation.verdict.bootstrap import delta_intervals, delta_miou_ci95
    from validation.verdict.gates import Gates
    from validation.verdict.judge import Verdict, VerdictStatus, judge

_HOMES = {
    "accuracy.confusion": ("ConfusionMatrix", "Scores", "confusion_matrix", "scores"),
    "accuracy.evaluation": ("evaluate", "reference_maps"),
    "accuracy.maps": ("LabelMaps",),
    "accuracy.result": ("AccuracyResult",),
    "errors": ("RunnerError", "ValidationError"),
    "measure": ("Measurements", "Reference", "measure_reference", "measure_run"),
    "results.facts": ("Availability",),
    "results.latency": ("LatencyResult", "LatencySettings"),
    "results.run": ("RunResult", "Status"),
    "runners.base.contract": ("Runner",),
    "runners.base.values": ("label_map",),
    "runners.reference": ("TorchRunner", "torch_artifact"),
    "timing.fresh_start": ("MemoryResult", "peak_memory"),
    "timing.stopwatch": ("Stopwatch", "measure_latency"),
    "verdict.against_reference": ("Comparison", "compare_with_reference"),
    "verdict.bootstrap": ("delta_intervals", "delta_miou_ci95"),
    "verdict.gates": ("Gates",),
    "verdict.judge": ("Verdict", "VerdictStatus", "judge"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AccuracyResult", "Availability", "Comparison", "ConfusionMatrix", "Gates", "LabelMaps", "LatencyResult",
    "LatencySettings", "Measurements", "MemoryResult", "Reference", "RunResult", "Runner", "RunnerError", "Scores",
    "Status", "Stopwatch", "TorchRunner", "ValidationError", "Verdict", "VerdictStatus", "compare_with_reference",
    "confusion_matrix", "delta_intervals", "delta_miou_ci95", "evaluate", "judge", "label_map", "measure_latency",
    "measure_reference", "measure_run", "peak_memory", "reference_maps", "scores", "torch_artifact",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Import a public name from its module on first use."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = found
    return found
