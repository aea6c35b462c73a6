"""What measure.py asks of coremltools, against stand-ins that take only the real classes' arguments."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import create_autospec, patch

import numpy as np
import pytest
from PIL import Image

from toolkit.devices import script as measure

ct = pytest.importorskip("coremltools")
FUNCTION = "f128"


@pytest.fixture(autouse=True)
def closed_loops() -> Iterator[None]:
    """Close the event loops that the script keeps until it ends."""
    made: list[asyncio.AbstractEventLoop] = []

    def new() -> asyncio.AbstractEventLoop:
        made.append(asyncio.SelectorEventLoop())
        return made[-1]

    with patch.object(asyncio, "new_event_loop", new):
        yield
    for loop in made:
        loop.close()


@pytest.fixture
def remote() -> Iterator[ModuleType]:
    """coremltools' remote device with one iPhone; every call of its methods is checked against their signatures."""
    from coremltools.models.ml_program.experimental import remote_device

    real = remote_device.Device
    values = {name: name for name in inspect.signature(real).parameters}
    values |= {"type": remote_device.DeviceType.IPHONE, "name": "mine", "os_version": "18.0"}
    phone = real(**values)
    with (
        patch.object(real, "get_connected_devices", autospec=True, return_value=[phone]),
        patch.object(real, "prepare_for_model_debugging", autospec=True, return_value=phone),
        patch.object(measure, "core_ml_missing", return_value=""),
    ):
        yield remote_device


def test_phone_is_chosen_and_prepared(remote: ModuleType) -> None:
    phone = measure.Phone("mine", "TEAM", None)
    assert phone.missing() == ""
    assert phone.machine["release"] == "18.0"
    remote.Device.get_connected_devices.assert_called_once_with(remote.DeviceType.IPHONE)
    credentials = remote.Device.prepare_for_model_debugging.await_args.kwargs["credentials"]
    assert credentials.development_team == "TEAM"
    assert "0 of 1 connected iPhones" in measure.Phone("other", "TEAM", None).missing()


@pytest.fixture
def benchmarker() -> Iterator[Any]:
    """coremltools' benchmarker: loads in 5 ms, predicts in 1.25 ms."""
    from coremltools.models.ml_program.experimental import perf_utils

    measurement = perf_utils.MLModelBenchmarker.Measurement
    loading, predicting = measurement.from_samples([5.0]), measurement.from_samples([1.25])
    with patch.object(perf_utils, "MLModelBenchmarker", autospec=True) as stand_in:
        opened = stand_in.return_value
        opened.benchmark_load.return_value = loading
        opened.benchmark_predict.return_value = predicting
        yield stand_in


def test_phone_s_session_awaits_what_coremltools_makes_a_coroutine(
    remote: ModuleType, benchmarker: Any, tmp_path: Path
) -> None:
    from coremltools.models.ml_program.experimental import async_wrapper

    phone = measure.Phone("mine", "TEAM", None)
    assert phone.missing() == ""
    opened = create_autospec(async_wrapper.RemoteMLModelAsyncWrapper, instance=True)
    opened.predict.return_value = answers = {"logits": np.zeros((1, 2), np.float32)}
    with (
        patch.object(measure, "with_tensor_input", return_value=tmp_path),
        patch.object(ct.models, "MLModel", autospec=True) as model,
        patch.object(
            async_wrapper.MLModelAsyncWrapper, "from_spec_or_path", autospec=True, return_value=opened
        ) as opener,
    ):
        session = phone.open(tmp_path, "cpu_and_ne", FUNCTION)
    units = ct.ComputeUnit.CPU_AND_NE
    assert model.call_args.kwargs == {"compute_units": units, "function_name": FUNCTION, "skip_model_load": True}
    (phone_there,) = remote.Device.get_connected_devices(remote.DeviceType.IPHONE)
    benchmarker.assert_called_once_with(model.return_value, device=phone_there)
    opened.load.assert_awaited_once_with()
    assert opener.call_args.kwargs["compute_units"] is units
    assert opener.call_args.kwargs["function_name"] == FUNCTION
    picture = Image.new("RGB", (3, 2), (1, 2, 3))
    assert session.load_ns == 5_000_000 and session.time({"image": picture}) == 1_250_000
    timed = benchmarker.return_value.benchmark_predict.await_args.kwargs
    assert timed["iterations"] == 1 and timed["inputs"]["image"].shape == (1, 3, 2, 3), "phones take tensors"
    assert session.answer({"image": picture}) is answers
    assert session.plan() is opened.retrieve_compute_plan.return_value
    opened.retrieve_compute_plan.assert_awaited_once_with()


def test_mac_s_session_opens_each_choice_of_units_and_asks_for_its_plan(benchmarker: Any, tmp_path: Path) -> None:
    from coremltools.models import compute_plan

    mac = measure.CoreMl("mac")
    with (
        patch.object(ct.models, "MLModel", autospec=True) as model,
        patch.object(compute_plan.MLComputePlan, "load_from_path", autospec=True) as load,
    ):
        for backend, name in measure.UNITS.items():
            opening = {"compute_units": ct.ComputeUnit[name], "function_name": FUNCTION}
            session = mac.open(tmp_path, backend, FUNCTION)
            assert model.call_args.kwargs == {**opening, "skip_model_load": True}, "the benchmarker has to load first"
            assert session.load_ns == 5_000_000
            assert session.time({"image": 0}) == 1_250_000
            assert session.answer({"image": 0}) is model.return_value.predict.return_value
            assert model.call_args.kwargs == opening
            assert session.plan() is load.return_value
            assert load.call_args.args[-1] is ct.ComputeUnit[name]


def test_only_the_function_that_was_opened_is_planned() -> None:
    def function(name: str) -> Any:
        operation = SimpleNamespace(operator_name=name, outputs=[], blocks=[])
        return SimpleNamespace(block=SimpleNamespace(operations=[operation]))

    usage = SimpleNamespace(preferred_compute_device=object(), supported_compute_devices=[])
    plan = SimpleNamespace(
        model_structure=SimpleNamespace(
            program=SimpleNamespace(functions={"f64": function("conv"), "f128": function("relu")})
        ),
        get_compute_device_usage_for_mlprogram_operation=lambda item: usage,
        get_estimated_cost_for_mlprogram_operation=lambda item: None,
    )
    assert [item["operator"] for item in measure.planned(plan, "f128")] == ["relu"]
    with pytest.raises(ValueError, match="unpack"):
        list(measure.planned(plan, None))


def test_the_stand_ins_refuse_arguments_that_coremltools_does_not_have(remote: ModuleType) -> None:
    with pytest.raises(TypeError, match="device_type"):
        remote.Device.get_connected_devices(device_kind="iphone")
