"""The flagship network: both TFLite routes agree, and every artifact keeps its promised size.

With fewer blocks and pictures of 64 x 64 it shows the same as in full at 256 x 256, which `make test-all` adds:
coordinates folded into one constant would weigh 4 MB there, and 64 MB here.

Weights and batch-norm statistics are random: equal or zero weights, as a fresh network has, are stored only once and
would make every file look smaller than it is.
"""

from __future__ import annotations

import dataclasses
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import nn

from converters import Artifact, ModelSource, PixelRange, make_plan
from converters.conversion.perform import perform
from converters.formats.coreml.file.program import read_program
from converters.formats.tflite.file.flatbuffer import read_model
from fpliif import preset
from fpliif.config import FPLIIFConfig
from fpliif.deploy import deploy
from fpliif.network import FPLIIF, count_parameters
from quantization import recipe, recipes
from tests.converters import small_network as small
from tests.converters.making import artifact_of

CLASSES = 11
FULL = preset("fp-liif", CLASSES)
SHALLOW = dataclasses.replace(FULL, blocks=(1, 1, 2))
NETWORKS = [(SHALLOW, 64), pytest.param((FULL, 256), marks=pytest.mark.slow)]
LARGEST = {
    "tflite-float16": 5_600_000,
    "tflite-int8_dynamic": 3_000_000,
    "tflite-int8_static": 3_000_000,
    "coreml-int8_weights": 2_800_000,
}
"""Bytes, of the full network; another may weigh as much for each of its parameters."""
DEFAULT = [(name, item) for item in recipes().values() if not item.on_request for name in item.formats]


@pytest.fixture(scope="module", params=NETWORKS, ids=["shallow", "full"])
def fp_liif(request: pytest.FixtureRequest) -> ModelSource:
    config, side = request.param
    return network_source(config, (side, side))


def network_source(config: FPLIIFConfig, size: tuple[int, int]) -> ModelSource:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = FPLIIF(config).eval()
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
                nn.init.uniform_(module.weight, 0.3, 0.7)
    return ModelSource(
        name="fp-liif",
        classes=tuple(f"class {index}" for index in range(CLASSES)),
        colours=tuple((index, index, index) for index in range(CLASSES)),
        input_size=size,
        output_size=size,
        pixel_range=PixelRange.UNIT,
        parameters=count_parameters(network),
        weights_sha256="0" * 64,
        origin="tests",
        module=deploy(network, size, size),
    )


def convert(source: ModelSource, wanted: list[Any], folder: Path, pictures: int, route: str) -> dict[str, Artifact]:
    calibration = small.calibration(pictures, source.input_size)
    plan = make_plan(source, wanted, routes={"tflite": route}, calibration=calibration.digest())
    return {item.conversion.name: artifact_of(item) for item in perform(plan, folder, calibration)}


@pytest.fixture(scope="module")
def artifacts(fp_liif: ModelSource, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    return convert(fp_liif, DEFAULT, tmp_path_factory.mktemp("fp-liif"), 2, "litert-torch")


def logits(artifact: Artifact, source: ModelSource) -> Any:
    runner = Interpreter(model_path=str(artifact.path), num_threads=2).get_signature_runner()
    return runner(image=small.test_image(source))["logits"]


def test_artifacts_weigh_their_parameters_and_coordinates(artifacts: dict[str, Artifact], fp_liif: ModelSource) -> None:
    share = fp_liif.parameters / count_parameters(FPLIIF(FULL))
    allowed = {name: LARGEST[name] * share for name in LARGEST}
    assert {name: artifacts[name].size_bytes for name in LARGEST if artifacts[name].size_bytes > allowed[name]} == {}
    for name in ("tflite-float32", "coreml-float32", "onnx-float32"):
        assert 4 * fp_liif.parameters < artifacts[name].size_bytes < 4 * fp_liif.parameters * 1.1


def test_both_routes_agree_with_torch_and_each_other(
    artifacts: dict[str, Artifact], fp_liif: ModelSource, tmp_path: Path
) -> None:
    wanted = [("tflite", recipe("float32")), ("tflite", recipe("int8_static"))]
    others = convert(fp_liif, wanted, tmp_path, 2, "onnx2tf")
    expected = small.torch_logits(fp_liif, small.test_image(fp_liif))
    first, second = (logits(item["tflite-float32"], fp_liif) for item in (artifacts, others))
    assert small.decibels(expected, first) > 90
    assert small.decibels(expected, second) > 90
    assert small.decibels(first, second) > 90
    first, second = (logits(item["tflite-int8_static"], fp_liif) for item in (artifacts, others))
    assert small.decibels(expected, first) > 12
    assert abs(small.decibels(expected, first) - small.decibels(expected, second)) < 2
    operators = [sorted(read_model(item["tflite-float32"].path).graphs[0].operators) for item in (artifacts, others)]
    assert operators[0] == operators[1]


def test_graphs_hold_nothing_needless(artifacts: dict[str, Artifact], fp_liif: ModelSource) -> None:
    assert fp_liif.module is not None
    convolutions = sum(isinstance(module, nn.Conv2d) for module in fp_liif.module.modules())
    assert convolutions == {64: 21, 256: 61}[fp_liif.input_size[0]]
    graph = read_model(artifacts["tflite-int8_static"].path).graphs[0]
    assert set(graph.operators) == {"ADD", "CONV_2D", "DEQUANTIZE", "MEAN", "PAD", "QUANTIZE", "RESIZE_BILINEAR"}
    program = read_program(artifacts["coreml-int8_weights"].path)
    assert program.operators["constexpr_affine_dequantize"] == program.operators["conv"] == convolutions
    assert not {"transpose", "concat", "tile"} & set(program.operators)


def test_float16_stays_close(artifacts: dict[str, Artifact], fp_liif: ModelSource) -> None:
    expected = small.torch_logits(fp_liif, small.test_image(fp_liif))
    found = logits(artifacts["tflite-float16"], fp_liif)
    assert small.decibels(expected, found) > 40
    assert (np.argmax(found, -1) == np.argmax(expected, -1)).mean() > 0.98


@pytest.mark.slow
def test_all_default_artifacts_fit_the_time_budget(tmp_path: Path) -> None:
    """90 s on two cores, counted as processor time so that a busy machine does not fail it."""
    before = processor_seconds()
    convert(network_source(FULL, (256, 256)), DEFAULT, tmp_path, 32, "litert-torch")
    assert processor_seconds() - before < 2 * 90


def processor_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
