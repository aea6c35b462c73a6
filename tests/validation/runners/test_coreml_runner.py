"""What the Core ML runner asks of coremltools, against stand-ins that take only the real classes' arguments."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from converters import Artifact
from tests.validation.tiny_network import picture
from validation.results.facts import Availability
from validation.runners.coreml import CoreMlRunner

ct = pytest.importorskip("coremltools")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS."""
    monkeypatch.setattr(CoreMlRunner, "availability", lambda *backend: Availability(True))


@pytest.mark.parametrize("backend", CoreMlRunner.backends)
def test_is_timed_by_the_benchmarker_on_the_units_asked_for(
    backend: str, artifacts: dict[str, Artifact], here: None
) -> None:
    from coremltools.models.ml_program.experimental import perf_utils

    measurement = perf_utils.MLModelBenchmarker.Measurement.from_samples([1.25])
    with (
        patch.object(ct.models, "MLModel", autospec=True) as model,
        patch.object(perf_utils, "MLModelBenchmarker", autospec=True) as benchmarker,
    ):
        benchmarker.return_value.benchmark_predict.return_value = measurement
        with CoreMlRunner(artifacts["coreml-float32"], backend, threads=1) as runner:
            call = runner.timed_call(picture(0))
            assert [call(), call()] == [1_250_000, 1_250_000]
        assert model.call_args.kwargs["compute_units"] is ct.ComputeUnit[backend.upper()]
        benchmarker.assert_called_once_with(model.return_value)
        model.return_value.predict.assert_not_called()
    asked = benchmarker.return_value.benchmark_predict.await_args.kwargs
    assert asked["iterations"] == 1 and list(asked["inputs"]) == [artifacts["coreml-float32"].image.name]


def operation(name: str, *inside: Any) -> Any:
    blocks = [SimpleNamespace(operations=list(inside))] if inside else []
    return SimpleNamespace(operator_name=name, blocks=blocks)


def test_the_compute_plan_says_what_stays_on_the_cpu(artifacts: dict[str, Artifact], here: None) -> None:
    from coremltools.models import compute_plan

    engine, cpu = type("MLNeuralEngineComputeDevice", (), {})(), type("MLCPUComputeDevice", (), {})()
    on = {"conv": engine, "relu": cpu, "softmax": cpu}
    block = SimpleNamespace(
        operations=[operation("const"), operation("conv", operation("relu")), operation("relu"), operation("softmax")]
    )
    with (
        patch.object(ct.models, "MLModel", autospec=True),
        patch.object(compute_plan.MLComputePlan, "load_from_path", autospec=True) as load,
    ):
        load.return_value = SimpleNamespace(
            model_structure=SimpleNamespace(program=SimpleNamespace(functions={"main": SimpleNamespace(block=block)})),
            get_compute_device_usage_for_mlprogram_operation=lambda item: (
                SimpleNamespace(preferred_compute_device=on[item.operator_name]) if item.operator_name in on else None
            ),
        )
        with CoreMlRunner(artifacts["coreml-float32"], "cpu_and_ne", threads=1) as runner:
            assert runner.undelegated() == {"relu": 2, "softmax": 1}
        assert load.call_args.args[-1] is ct.ComputeUnit.CPU_AND_NE
        with CoreMlRunner(artifacts["coreml-float32"], "cpu_only", threads=1) as runner:
            assert runner.undelegated() is None
