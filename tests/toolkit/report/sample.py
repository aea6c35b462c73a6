"""A made-up report for tests: every figure is invented, so that nothing here can pass for a measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdata import FACE11
from segdata.faces.synthetic.drawing import draw_face
from toolkit.report.content.example_images import save_difference, save_mask, save_picture

REFERENCE_IOU = (0.951, 0.914, 0.702, 0.698, 0.741, 0.736, 0.862, 0.724, None, 0.758, 0.887)
# name, size, loss per class in points, timed, verdict
ARTIFACTS = (
    ("tflite-float32", 9_312_480, 0.00, True, "pass"),
    ("tflite-float16", 4_688_120, 0.01, True, "pass"),
    ("tflite-int8_dynamic", 2_512_304, 0.24, True, "pass"),
    ("tflite-int8_static", 2_558_976, 1.90, True, "fail"),
    ("coreml-float32", 9_301_233, 0.00, False, "pass"),
    ("coreml-float16", 4_671_902, 0.01, False, "pass"),
    ("coreml-int8_weights", 2_402_117, 0.18, False, "pass"),
    ("onnx-float32", 9_284_655, 0.00, True, "pass"),
)
RUNTIMES = {
    "tflite": (("litert", "xnnpack"), ("litert", "reference")),
    "coreml": (("milrun", "cpu"),),
    "onnx": (("onnxruntime", "cpu"),),
}
NOT_A_PHONE = "milrun's time is not a phone's; run `segport bench` on macOS"


def sample(folder: Path | None = None) -> dict[str, Any]:
    """A whole report.json; with a folder, example pictures are drawn into it."""
    random = np.random.default_rng(7)
    known = [value for value in REFERENCE_IOU if value is not None]
    miou = float(np.mean(known))
    per_class = dict(zip(FACE11.names, REFERENCE_IOU, strict=True))
    return {
        "schema": 1,
        "title": "FP-LIIF, eleven face classes",
        "command": "segport run --out runs/sample --images 60 --threads 2",
        "created": "2026-01-02T03:04:05+00:00",
        "duration_seconds": 312.4,
        "warnings": ["other processes kept up to 1.3 cores busy while latency was measured"],
        "model": {
            "name": "fp-liif-face11",
            "parameters": 2_294_155,
            "weights_sha256": "5d" * 32,
            "inputs": [{"name": "image", "height": 256, "width": 256, "pixel_range": "0..255"}],
            "classes": list(FACE11.names),
            "colours": [list(colour) for colour in FACE11.colours],
        },
        "dataset": {"name": "faces-synthetic", "split": "test", "images": 60, "digest": "ab" * 32},
        "environment": {
            "system": "Linux",
            "machine": "x86_64",
            "processor": "Invented Processor 1",
            "cores": 2,
            "memory_bytes": 16_000_000_000,
            "python": "3.11.9",
            "packages": {"torch": "2.13.0", "coremltools": "9.0", "onnx2tf": None},
        },
        "reference": {
            "runner": "torch",
            "miou": miou,
            "mean_f1": 0.88,
            "per_class_iou": per_class,
            "per_class_boundary_iou": {name: None if iou is None else iou - 0.1 for name, iou in per_class.items()},
            "latency_ms": _latency(148.0, random),
        },
        "artifacts": [_artifact(*facts, per_class, miou, random) for facts in ARTIFACTS],
        "checks": [
            {
                "name": "determinism",
                "artifact": "tflite-float32",
                "status": "pass",
                "message": "the same picture twice, equal bits",
            },
            {
                "name": "overlap",
                "artifact": None,
                "status": "warn",
                "message": "2 of 60 pictures were used for calibration",
            },
            {"name": "runtimes", "artifact": "coreml-float16", "status": "not_run", "message": "one runtime only"},
        ],
        "examples": [] if folder is None else _examples(folder),
    }


def not_run_sample() -> dict[str, Any]:
    """A report in which nothing could be measured: one artifact without runs, one not run, one that was not made."""
    document = sample()
    for artifact in document["artifacts"]:
        artifact["verdict"] = {"status": "not_run", "reasons": ["no runtime here runs it"]}
        for run in artifact["runs"]:
            run.update(_unmeasured("needs macOS"))
    document["artifacts"][0]["runs"] = []
    document["artifacts"][1] |= {"path": None, "sha256": None, "size_bytes": None, "runs": []}
    document["artifacts"][1]["verdict"] = {"status": "fail", "reasons": ["the converter refused op Foo"]}
    document["reference"] |= {"latency_ms": None}
    return document


def _unmeasured(reason: str) -> dict[str, Any]:
    return {
        "status": "not_run",
        "reason": reason,
        "miou": None,
        "mean_f1": None,
        "per_class_iou": {},
        "delta_miou": None,
        "delta_per_class_iou": {},
        "delta_per_class_iou_ci95": {},
        "delta_miou_ci95": None,
        "pixel_agreement": None,
        "latency_ms": None,
        "peak_memory_bytes": None,
        "images": 0,
        "worst_class": None,
        "latency_status": "not_run",
        "latency_reason": reason,
    }


def _artifact(
    name: str,
    size: int,
    loss: float,
    timed: bool,
    verdict: str,
    per_class: dict[str, float | None],
    miou: float,
    random: np.random.Generator,
) -> dict[str, Any]:
    kind, _, recipe = name.partition("-")
    runs = []
    for runner, backend in RUNTIMES[kind]:
        slow = backend == "reference"
        changes = {
            label: None if value is None else float(-loss / 100 * random.uniform(-0.3, 2.3))
            for label, value in per_class.items()
        }
        change = float(np.mean([value for value in changes.values() if value is not None]))
        middle = (2500.0 if slow else 24.0 if "int8" in name else 41.0) * random.uniform(0.9, 1.1)
        worst = min((value, label) for label, value in changes.items() if value is not None)
        runs.append(
            {
                "runner": runner,
                "backend": backend,
                "threads": 2,
                "status": "measured",
                "reason": "",
                "images": 8 if slow else 60,
                "evaluated_at": [256, 256],
                "miou": miou + change,
                "mean_f1": 0.879,
                "per_class_iou": {
                    label: None if value is None else value + (changes[label] or 0.0)
                    for label, value in per_class.items()
                },
                "delta_miou": change,
                "delta_per_class_iou": changes,
                "delta_miou_ci95": [change - loss / 400 - 1e-4, change + loss / 500 + 1e-4],
                "delta_per_class_iou_ci95": {
                    label: None if value is None else [value - 0.004, value + 0.004] for label, value in changes.items()
                },
                "worst_class": {"name": worst[1], "delta": worst[0]},
                "pixel_agreement": 1 - loss / 90,
                "latency_status": "measured" if timed else "not_run",
                "latency_reason": "" if timed else NOT_A_PHONE,
                "latency_ms": _latency(middle, random) if timed else None,
                "peak_memory_bytes": 182_000_000,
                "finding": "worse" if loss > 1 else "no difference shown",
                "finding_per_class": {
                    label: None if value is None else "too few images to tell" for label, value in changes.items()
                },
                "per_class_boundary_iou": {
                    label: None if value is None else value - 0.1 + 2 * (changes[label] or 0.0)
                    for label, value in per_class.items()
                },
                "class_flips": _flips(loss, len(per_class)),
                "thread_sweep": (
                    [{"threads": 1, "p50": 1.8 * middle, "samples": 30}, {"threads": 2, "p50": middle, "samples": 30}]
                    if timed
                    else []
                ),
                "per_op": _operations(middle) if backend == "cpu" else None,
            }
        )
    return {
        "name": name,
        "format": kind,
        "recipe": recipe,
        "path": f"artifacts/{name}",
        "sha256": f"{size:064x}",
        "size_bytes": size,
        "provenance": {"route": f"torch to {kind}", "tool": "9.9"},
        "limits": {"miou_drop": 0.01, "class_drop": 0.03},
        "parity": {"sqnr_db": 130.2 - 40 * loss},
        "runs": runs,
        "verdict": {
            "status": verdict,
            "reasons": [f"{runs[0]['runner']}: mean IoU changed by {runs[0]['delta_miou']:+.4f} (may fall by 0.0100)"],
        },
    }


def _flips(loss: float, classes: int) -> list[list[int]]:
    """Pixels by (class of the reference, class of the artifact): the second class loses some to the third."""
    flips = [[10_000 if one == other else 0 for other in range(classes)] for one in range(classes)]
    flips[1][2] = int(300 * loss)
    return flips


def _operations(total: float) -> dict[str, Any]:
    kinds = [
        {"name": kind, "kind": kind, "ms": total * share, "share": share, "calls": calls}
        for kind, share, calls in (("conv", 0.7, 61), ("resize", 0.2, 3), ("relu", 0.1, 40))
    ]
    operations = [
        {"name": f"encoder_{number}_conv", "kind": "conv", "ms": total / 61, "share": 1 / 61, "calls": 1}
        for number in range(40)
    ]
    return {"status": "measured", "runs": 5, "total_ms": total, "kinds": kinds, "operations": operations}


def _latency(median: float, random: np.random.Generator) -> dict[str, Any]:
    p90 = median * random.uniform(1.03, 1.1)
    return {
        "p50": median,
        "p90": p90,
        "p95": p90 * 1.03,
        "p99": p90 * 1.2,
        "mean": median * 1.02,
        "min": median * 0.95,
        "max": p90 * 1.3,
        "samples": 100,
        "warmup": 12,
        "load_ms": 31.0,
        "first_run_ms": median * 1.6,
        "warning": "",
        "iqr": median * 0.04,
        "cold_start": 31.0 + median * 1.6,
    }


def _examples(folder: Path, count: int = 3, size: int = 256) -> list[dict[str, Any]]:
    random = np.random.default_rng(3)
    entries = []
    for number in range(count):
        picture, truth = draw_face(1000 + number, size, FACE11)
        reference = _disturbed(truth, 2, random)
        stem = folder / "examples"
        entry: dict[str, Any] = {
            "id": f"drawn-{number}",
            "picture": save_picture(picture, stem / f"{number}-picture.png"),
            "truth": save_mask(truth, FACE11.colours, stem / f"{number}-truth.png"),
            "reference": save_mask(reference, FACE11.colours, stem / f"{number}-reference.png"),
        }
        entry = {key: value if key == "id" else value.relative_to(folder).as_posix() for key, value in entry.items()}
        entry["artifacts"] = {}
        for name, _, loss, _, _ in ARTIFACTS:
            answer = reference if loss < 0.1 else _disturbed(reference, 1 + int(3 * loss), random)
            prediction = save_mask(answer, FACE11.colours, stem / f"{number}-{name}.png")
            difference = save_difference(reference, answer, stem / f"{number}-{name}-difference.png")
            entry["artifacts"][name] = {
                "prediction": prediction.relative_to(folder).as_posix(),
                "difference": difference.relative_to(folder).as_posix(),
                "pixel_agreement": float((answer == reference).mean()),
            }
        entries.append(entry)
    return entries


def _disturbed(mask: NDArray[np.uint8], reach: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """A mask whose edges wander by up to `reach` pixels."""
    height, width = mask.shape
    noise = random.normal(size=(2, height // 16 + 1, width // 16 + 1)).repeat(16, 1).repeat(16, 2)
    rows, columns = np.mgrid[:height, :width]
    shift = np.clip(np.round(noise[:, :height, :width] * reach), -2 * reach, 2 * reach).astype(int)
    moved: NDArray[np.uint8] = mask[np.clip(rows + shift[0], 0, height - 1), np.clip(columns + shift[1], 0, width - 1)]
    return moved
