"""A finished run with two Core ML packages, its bundle, and a stand-in for the device: milrun in the framework's
place."""

from __future__ import annotations

import itertools
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.toolkit.test_whole_story import CLASSES, FACTORY, SIDE, draw_dataset
from toolkit.cli import run_command
from toolkit.devices import script as measure
from validation.milrun import Interpreter

SETTINGS = measure.Settings(samples=12, min_samples=3, max_warmup=12)


def finished_run(root: Path) -> Path:
    """Convert and judge `coreml-float32` and `coreml-float16` in `root/out`, and pack `root/bundle.zip`."""
    draw_dataset(root / "data")
    (root / "brightest.py").write_text(FACTORY)
    (root / "names.txt").write_text("\n".join(CLASSES))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        options = [
            "--model",
            "brightest:Brightest",
            "--classes",
            "names.txt",
            "--dataset",
            f"folder:{root / 'data'}",
            "--input-size",
            str(SIDE),
            "--images",
            "4",
            "--latency-samples",
            "2",
            "--threads",
            "1",
            "--examples",
            "0",
            "--formats",
            "coreml",
            "--recipes",
            "float32,float16",
            "--out",
            "out",
            "--quiet",
        ]
        assert run_command(["run", *options]) == 0
        assert run_command(["bench", "out", "--bundle", "bundle.zip", "--quiet"]) == 0
    return root / "out"


def unpacked(bundle: Path, folder: Path) -> Path:
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    return folder


class Session:
    """A package in milrun; inferences take 5, 6, 5, 6 ... ms by its own account."""

    def __init__(self, package: Path) -> None:
        self._interpreter = Interpreter(package)
        self._times = itertools.cycle((5_000_000, 6_000_000))
        self.load_ns = 7_000_000

    def time(self, given: dict[str, Any]) -> int:
        self.answer(given)
        return next(self._times)

    def answer(self, given: dict[str, Any]) -> dict[str, Any]:
        return self._interpreter.predict(given)

    def plan(self) -> Any:
        """A plan as coremltools describes one: a constant without a unit, a convolution, and an activation in a
        block."""
        engine, cpu = type("MLNeuralEngineComputeDevice", (), {})(), type("MLCPUComputeDevice", (), {})()

        def operation(name: str, *inside: Any) -> Any:
            blocks = [SimpleNamespace(operations=list(inside))] if inside else []
            return SimpleNamespace(operator_name=name, outputs=[SimpleNamespace(name=f"{name}_0")], blocks=blocks)

        usage = {
            "conv": SimpleNamespace(preferred_compute_device=engine, supported_compute_devices=[cpu, engine]),
            "relu": SimpleNamespace(preferred_compute_device=cpu, supported_compute_devices=[cpu]),
        }
        main = SimpleNamespace(
            block=SimpleNamespace(operations=[operation("const"), operation("conv", operation("relu"))])
        )
        return SimpleNamespace(
            model_structure=SimpleNamespace(program=SimpleNamespace(functions={"main": main})),
            get_compute_device_usage_for_mlprogram_operation=lambda item: usage.get(item.operator_name),
            get_estimated_cost_for_mlprogram_operation=lambda item: (
                SimpleNamespace(weight=0.75) if item.operator_name == "conv" else None
            ),
        )


class Simulated:
    """A machine that is not there. `refuses` names backends on which opening fails."""

    runner = "coreml"

    def __init__(self, name: str = "Test Chip (Mac0,0)", refuses: tuple[str, ...] = (), missing: str = "") -> None:
        self.machine = {
            "name": name,
            "system": "macOS",
            "release": "0.0",
            "chip": "Test Chip",
            "model": "Mac0,0",
            "cores": 1,
        }
        self._refuses, self._missing = refuses, missing

    def missing(self) -> str:
        return self._missing

    def open(self, package: Path, backend: str, function: str | None) -> measure.Session:
        assert function is None  # the packages of this run have one function
        if backend in self._refuses:
            raise RuntimeError("no such\nunit")
        return Session(package)


def measured(
    bundle: Path, out: Path, runtime: measure.Runtime | None = None, backends: tuple[str, ...] = ("all", "cpu_only")
) -> dict[str, Any]:
    """Measure an unpacked bundle on a simulated machine; writes and returns result.json."""
    measure.measure_bundle(bundle, runtime or Simulated(), SETTINGS, list(backends), out, lambda line: None)
    found: dict[str, Any] = json.loads(out.read_text())
    return found
