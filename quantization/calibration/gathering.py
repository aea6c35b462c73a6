"""Gather statistics once per program and set of pictures, and keep them and the ranges that follow as files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from quantization.calibration.methods import Method, Range, range_of
from quantization.calibration.pictures import CalibrationSet
from quantization.calibration.statistics import (
    StatisticsRecorder,
    TensorStatistics,
    load_statistics,
    save_statistics,
)


def gather(
    calibration: CalibrationSet,
    program: str,
    name: str,
    measure: Callable[[StatisticsRecorder], None],
    channel_axis: int,
    beside: Path,
) -> dict[str, TensorStatistics]:
    """Return statistics of every tensor of a program, measured unless they are kept already.

    Args:
        calibration: the pictures; its `store` keeps the statistics, else `beside` does.
        program: digest of the program that runs.
        name: for people, the beginning of the file's name.
        measure: runs the program on every picture and hands its tensors to the recorder.
        channel_axis: axis of a tensor that holds channels.
        beside: folder of the program.

    Raises:
        RecipeError: a tensor is not finite.
    """
    folder = calibration.store or beside
    kept = folder / f"{name}-{program[:12]}-{calibration.pictures_digest()[:12]}.npz"
    known = load_statistics(kept)
    if known is None:
        recorder = StatisticsRecorder(channel_axis)
        measure(recorder)
        known = recorder.statistics()
        save_statistics(kept, known)
    return known


def ranges_of(
    statistics: Mapping[str, TensorStatistics], calibration: CalibrationSet, usual: Method, name: str, bits: int = 8
) -> dict[str, Range]:
    """Return the range of every tensor by the calibration's method or the `usual` one; also kept as JSON."""
    method = calibration.method or usual
    ranges = {tensor: range_of(item, method, bits) for tensor, item in statistics.items()}
    if calibration.store is not None:
        document = {
            "method": method.value,
            "bits": bits,
            "pictures": len(calibration.images),
            "pictures_digest": calibration.pictures_digest(),
            "tensors": {
                tensor: {"low": low, "high": high, "seen": [statistics[tensor].low, statistics[tensor].high]}
                for tensor, (low, high) in ranges.items()
            },
        }
        path = calibration.store / f"{name}-ranges-{method.value}-{bits}.json"
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.write_text(json.dumps(document, indent=1) + "\n")
        unfinished.replace(path)
    return ranges
