"""What measure.py asks of coremltools, against stand-ins that take only the real classes' arguments."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from unittest.mock import create_autospec, patch

import numpy as np
import pytest

from toolkit.device import measure

ct = pytest.importorskip("coremltools")
FUNCTION = "f128"


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


def test_phone_s_session_awaits_what_coremltools_makes_a_coroutine(remote: ModuleType, tmp_path: Path) -> None:
    from coremltools.models.ml_program.experimental import async_wrapper

    phone = measure.Phone("mine", "TEAM", None)
    assert phone.missing() == ""
    opened = create_autospec(async_wrapper.RemoteMLModelAsyncWrapper, instance=True)
    answers = {"logits": np.zeros((1, 2), np.float32)}
    opened.predict.return_value, opened.last_predict_duration_in_nano_seconds = answers, 1234
    with (
        patch.object(measure, "with_tensor_input", return_value=tmp_path),
        patch.object(
            async_wrapper.MLModelAsyncWrapper, "from_spec_or_path", autospec=True, return_value=opened
        ) as opener,
    ):
        session = phone.open(tmp_path, "cpu_and_ne", FUNCTION)
    opened.load.assert_awaited_once_with()
    assert opener.call_args.kwargs["compute_units"] is ct.ComputeUnit.CPU_AND_NE
    assert opener.call_args.kwargs["function_name"] == FUNCTION
    assert session.run({"image": np.zeros((1, 3, 2, 2), np.float32)}) == (answers, 1234)
    assert session.plan() is opened.retrieve_compute_plan.return_value
    opened.retrieve_compute_plan.assert_awaited_once_with()


def test_mac_s_session_opens_each_choice_of_units_and_asks_for_its_plan(tmp_path: Path) -> None:
    from coremltools.models import compute_plan

    with (
        patch.object(ct.models, "MLModel", autospec=True) as model,
        patch.object(compute_plan.MLComputePlan, "load_from_path", autospec=True) as load,
    ):
        for backend, name in measure.UNITS.items():
            session = measure.CoreMlSession(tmp_path, backend, FUNCTION)
            assert model.call_args.kwargs == {"compute_units": ct.ComputeUnit[name], "function_name": FUNCTION}
            model.return_value.last_predict_duration_in_nano_seconds = 77
            assert session.run({"image": 0}) == (model.return_value.predict.return_value, 77)
            assert session.plan() is load.return_value
            assert load.call_args.args[-1] is ct.ComputeUnit[name]


def test_the_stand_ins_refuse_arguments_that_coremltools_does_not_have(remote: ModuleType) -> None:
    with pytest.raises(TypeError, match="device_type"):
        remote.Device.get_connected_devices(device_kind="iphone")
