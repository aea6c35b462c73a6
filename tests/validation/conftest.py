"""The tiny network converted once a session into every format, its float reference, and a dataset to judge it by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from converters import Artifact, ImageInput, Layout, MapOutput, ModelSource, OutputKind, PixelRange, make_plan
from converters.conversion.perform import perform
from quantization import recipe
from quantization.calibration import CalibrationSet
from tests.validation.runners.android.fake_phone import FakePhone
from tests.validation.runners.android.fake_server import serving
from tests.validation.runners.android.fake_tool import FakeTool, program_file
from tests.validation.tiny_network import (
    CLASSES,
    COLOURS,
    HEIGHT,
    OUT_HEIGHT,
    OUT_WIDTH,
    WIDTH,
    MemoryDataset,
    TinyNet,
    picture,
)
from validation.runners.android.phone import SERIAL_VARIABLE, TOOL_VARIABLE
from validation.runners.android.server import PORT_VARIABLE
from validation.runners.arm64.machine import MACHINE
from validation.runners.arm64.runner import Arm64Runner
from validation.runners.base.other_interpreter.environment import ENVS_VARIABLE
from validation.runners.reference import TorchArtifact, torch_artifact
from validation.runners.tflite_runtime import ensure_environment
from validation.runners.web.packages import web_folder
from validation.runners.web.runner import WebRunner


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def net() -> TinyNet:
    torch.manual_seed(0)
    made = TinyNet().eval()
    with torch.no_grad():
        made.second.weight *= 8
    return made


@pytest.fixture(scope="session")
def source(net: TinyNet) -> ModelSource:
    return ModelSource(
        name="tiny",
        classes=CLASSES,
        colours=COLOURS,
        input_size=(HEIGHT, WIDTH),
        output_size=(OUT_HEIGHT, OUT_WIDTH),
        pixel_range=PixelRange.UNIT,
        parameters=sum(p.numel() for p in net.parameters()),
        weights_sha256="0" * 64,
        origin="tests",
        module=net,
    )


@pytest.fixture(scope="session")
def artifacts(source: ModelSource, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """Artifacts by name; those that answer with label maps have ``-labels`` behind theirs."""
    found = {}
    images = np.stack([picture(1000 + seed) for seed in range(8)])
    calibration = CalibrationSet(images, tuple(map(str, range(8))), "tests")
    floats = [(form, recipe("float32")) for form in ("tflite", "onnx", "coreml")]
    for kind, wanted in (
        (OutputKind.LOGITS, [*floats, ("tflite", recipe("int8_static")), ("coreml", recipe("float16"))]),
        (OutputKind.LABELS, floats),
    ):
        plan = make_plan(source, wanted, output=kind, calibration=calibration.digest())
        for outcome in perform(plan, tmp_path_factory.mktemp(kind.value), calibration):
            assert outcome.artifact is not None, outcome.error
            found[outcome.artifact.name + ("-labels" if kind is OutputKind.LABELS else "")] = outcome.artifact
    return found


@pytest.fixture(scope="session")
def float_artifact(net: TinyNet) -> TorchArtifact:
    """The float reference."""
    return torch_artifact(
        net,
        name="tiny",
        image=ImageInput("image", HEIGHT, WIDTH, PixelRange.UNIT, Layout.NCHW),
        output=MapOutput("logits", OUT_HEIGHT, OUT_WIDTH, len(CLASSES), OutputKind.LOGITS, Layout.NCHW),
        classes=CLASSES,
    )


@pytest.fixture(scope="session")
def logits_of(net: TinyNet) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """The answer of the network, computed without any runner: float32 (h, w, C)."""

    def compute(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        tensor = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None]
        with torch.no_grad():
            return net(tensor)[0].permute(1, 2, 0).numpy()

    return compute


@pytest.fixture(scope="session")
def dataset(logits_of: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> MemoryDataset:
    """Twelve pictures; masks at picture size: what the network says, a quarter of it replaced, some ignored."""

    def mask_of(image: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        small = logits_of(image).argmax(axis=2).astype(np.uint8)
        mask = small.repeat(2, axis=0).repeat(2, axis=1)
        generator = np.random.default_rng(index)
        mask[generator.random(mask.shape) < 0.25] = generator.integers(0, len(CLASSES))
        mask[:2] = 255
        return mask

    return MemoryDataset(12, mask_of)


@pytest.fixture(scope="session")
def arm64_machine() -> Path:
    """The emulated ARM64 machine's folder. Tests never make it: it is downloaded."""
    state = Arm64Runner.availability("cortex-a76")
    if not state.ok:
        pytest.skip(state.reason)
    return MACHINE.folder


@pytest.fixture
def android_phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePhone]:
    """A phone that is not there, behind an adb server that is; its benchmark_model runs LiteRT here."""
    phone = FakePhone(tool=FakeTool())
    with serving(phone) as server:
        monkeypatch.setenv(PORT_VARIABLE, str(server.port))
        monkeypatch.setenv(TOOL_VARIABLE, str(program_file(tmp_path)))
        monkeypatch.delenv(SERIAL_VARIABLE, raising=False)
        yield phone
        assert not phone.files, "something that was pushed is still there"


@pytest.fixture(scope="session")
def web_packages() -> Path:
    """The folder of LiteRT.js. Tests never make it: it is downloaded."""
    state = WebRunner.availability("node")
    if not state.ok:
        pytest.skip(state.reason)
    return web_folder()


@pytest.fixture(scope="session")
def made_tflite_runtime(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """tflite-runtime's environment, really made: the folder of environments, and the interpreter in it."""
    envs = tmp_path_factory.mktemp("envs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVS_VARIABLE, str(envs))
        messages: list[str] = []
        interpreter = ensure_environment(messages.append)
        assert messages[-1].endswith("ready")
    return envs, interpreter


@pytest.fixture
def tflite_runtime(made_tflite_runtime: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The interpreter of tflite-runtime's environment, which is found for one test: tests elsewhere shall not run it as
    well."""
    envs, interpreter = made_tflite_runtime
    monkeypatch.setenv(ENVS_VARIABLE, str(envs))
    return interpreter
