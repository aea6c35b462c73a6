"""From an artifact on disk to evidence: runners, accuracy, latency, verdicts.

The names below are the public surface; each is imported on first use, so that importing this package costs nothing.
All runners by name are given by `validation.registry.runners()`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from validation.accuracy import AccuracyResult
    from validation.bootstrap import delta_intervals, delta_miou_ci95
    from validation.compare import Comparison, compare_with_reference
    from validation.confusion import ConfusionMatrix, Scores, confusion_matrix, scores
    from validation.errors import RunnerError, ValidationError
    from validation.evaluation import evaluate, reference_maps
    from validation.gates import Gates
    from validation.latency import LatencyResult, LatencySettings, Stopwatch, measure_latency
    from validation.maps import LabelMaps
    from validation.measure import Measurements, Reference, measure_reference, measure_run
    from validation.memory import MemoryResult, peak_memory
    from validation.result import RunResult, Status
    from validation.runner import Runner
    from validation.runners.reference import TorchRunner, torch_artifact
    from validation.runtime_facts import Availability
    from validation.values import label_map
    from validation.verdict import Verdict, VerdictStatus, judge

_HOMES = {
    "accuracy": ("AccuracyResult",),
    "bootstrap": ("delta_intervals", "delta_miou_ci95"),
    "compare": ("Comparison", "compare_with_reference"),
    "confusion": ("ConfusionMatrix", "Scores", "confusion_matrix", "scores"),
    "errors": ("RunnerError", "ValidationError"),
    "evaluation": ("evaluate", "reference_maps"),
    "gates": ("Gates",),
    "latency": ("LatencyResult", "LatencySettings", "Stopwatch", "measure_latency"),
    "maps": ("LabelMaps",),
    "measure": ("Measurements", "Reference", "measure_reference", "measure_run"),
    "memory": ("MemoryResult", "peak_memory"),
    "result": ("RunResult", "Status"),
    "runner": ("Runner",),
    "runners.reference": ("TorchRunner", "torch_artifact"),
    "runtime_facts": ("Availability",),
    "values": ("label_map",),
    "verdict": ("Verdict", "VerdictStatus", "judge"),
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
