"""Every check catches its planted mistake by name, and is silent on a network without one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import flatbuffers
import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from torch import Tensor, nn

from converters import Artifact, ImageInput, Layout, MapOutput, OutputKind, PixelRange, Quantization
from converters.formats.tflite.file.edges import read_ends
from segdata import IGNORE_INDEX
from tests.converters.small_network import CLASSES, INPUT_SIZE, OUTPUT_SIZE, pictures, small_network
from tests.validation.tiny_network import CLASSES as TINY_CLASSES
from tests.validation.tiny_network import HEIGHT, WIDTH, MemoryDataset, TinyNet, picture
from validation.checks import check_artifact, check_run, checks, failures
from validation.checks.base.contract import ArtifactCheck, CheckResult, CheckStatus
from validation.checks.base.evidence import ArtifactEvidence, Edge, Expectations, RunEvidence
from validation.checks.base.picture_mistakes import INPUT_MISTAKES, resized
from validation.errors import RunnerError
from validation.runners.base.resizing import fit_picture, picture_digest
from validation.runners.litert.runner import LiteRtRunner
from validation.runners.reference import TorchRunner, torch_artifact
from validation.runners.tflite_runtime import TfliteRuntimeRunner

LARGE_SIZE = (2 * INPUT_SIZE[0] + 6, 2 * INPUT_SIZE[1] - 10)
LARGE = tuple(
    np.where(np.random.default_rng(0).random((*LARGE_SIZE, 1)) < 0.3, 255 - image, image).astype(np.uint8)
    for image in pictures(2, LARGE_SIZE, seed=3)
)
"""Not of the network's size and full of detail, so that the way of resizing matters."""
Change = Callable[[Tensor], Tensor]


class Wrapped(nn.Module):
    """The network with a mistake before or behind it: what a converter gone wrong would have written."""

    def __init__(self, before: Change | None = None, behind: Change | None = None) -> None:
        super().__init__()
        self.network, self.before, self.behind = small_network(), before, behind

    def forward(self, image: Tensor) -> Tensor:
        answer: Tensor = self.network(image if self.before is None else self.before(image))
        return answer if self.behind is None else self.behind(answer)


def expectations(images: tuple[NDArray[np.uint8], ...] = LARGE) -> Expectations:
    network = small_network()

    def ask(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return network(torch.from_numpy(tensor)).numpy()

    return Expectations(ask, images, INPUT_SIZE, PixelRange.UNIT, CLASSES)


def evidence(
    before: Change | None = None,
    behind: Change | None = None,
    runner: type[TorchRunner] = TorchRunner,
    names: tuple[str, ...] = CLASSES,
    kind: OutputKind = OutputKind.LOGITS,
    **changes: Any,
) -> ArtifactEvidence:
    artifact = torch_artifact(
        Wrapped(before, behind).eval(),
        name="planted",
        image=ImageInput("image", *INPUT_SIZE, PixelRange.UNIT, Layout.NCHW),
        output=MapOutput("logits", *OUTPUT_SIZE, len(names), kind, Layout.NCHW),
        classes=names,
    )
    return ArtifactEvidence(artifact, partial(runner, artifact), expectations(), **{"lossless": True, **changes})


def by_name(results: list[CheckResult]) -> dict[str, CheckStatus]:
    return {item.name: item.status for item in results}


def failed(found: ArtifactEvidence) -> dict[str, str]:
    return {item.name: item.message for item in failures(check_artifact(found))}


def test_a_network_without_a_mistake_passes_every_check() -> None:
    assert set(by_name(check_artifact(evidence())).values()) == {CheckStatus.PASS}
    labels = evidence(behind=lambda answer: answer.argmax(1), kind=OutputKind.LABELS)
    assert set(by_name(check_artifact(labels)).values()) == {CheckStatus.PASS}


def noisy(answer: Tensor) -> Tensor:
    """More than 8 bits do to logits: 16 dB."""
    return answer + 0.15 * answer.std((2, 3), keepdim=True) * torch.randn(
        answer.shape, generator=torch.Generator().manual_seed(0)
    )


PREPROCESSING: dict[str, Change] = {
    "swapped-channels": lambda image: image.flip(1),
    "normalised-twice-half": lambda image: image * 2 - 1,
    "normalised-twice-imagenet": lambda image: (
        (image - torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    ),
    "divided-twice": lambda image: image / 255,
    "not-divided": lambda image: image * 255,
    "nchw-as-nhwc": lambda image: image.reshape(1, *INPUT_SIZE, 3).permute(0, 3, 1, 2),
    "nhwc-as-nchw": lambda image: image.permute(0, 2, 3, 1).reshape(image.shape),
    "mirrored": lambda image: image.flip(3),
    "upside-down": lambda image: image.flip(2),
}


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("mistake", PREPROCESSING)
def test_preprocessing(mistake: str, quantized: bool) -> None:
    """The mistake is named for floats, and for integers whose answers are noisy in any case."""
    planted = evidence(before=PREPROCESSING[mistake], behind=noisy if quantized else None, lossless=not quantized)
    found = failed(planted)
    words = next(item.words for item in INPUT_MISTAKES if item.name == mistake)
    assert words in found["preprocessing"]
    assert "output" not in found
    facts = next(item for item in check_artifact(planted) if item.name == "preprocessing").facts
    assert facts["best_mistake"] == mistake


def test_preprocessing_of_a_square_picture_with_rows_and_columns_swapped() -> None:
    (transposed,) = (item for item in INPUT_MISTAKES if item.square_only)
    image = pictures(1, (8, 8))[0]
    assert np.array_equal(transposed.prepare(image, (8, 8)), image.transpose(1, 0, 2).astype(np.float32))


@pytest.mark.parametrize(
    ("mistake", "mode", "antialias"),
    [
        ("resized-nearest", "nearest-exact", True),
        ("resized-without-antialiasing", "bilinear", False),
        ("resized-bicubic", "bicubic", True),
    ],
)
def test_another_resize(mistake: str, mode: str, antialias: bool) -> None:
    def fit(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
        return np.rint(resized(image, (height, width), mode, antialias)).astype(np.uint8)

    found = next(item for item in check_artifact(evidence(fit=fit)) if item.name == "preprocessing")
    assert (found.status, found.facts["best_mistake"]) == (CheckStatus.FAIL, mistake)


def test_the_picture_path_resizes_as_the_tensor_path_does() -> None:
    """Two implementations, Pillow's and torch's, within the rounding of Pillow's two passes."""
    for image in LARGE:
        apart = np.abs(fit_picture(image, *INPUT_SIZE).astype(np.float32) - resized(image, INPUT_SIZE))
        assert apart.max() <= 1.5


def test_a_mistake_inside_the_network_fails_parity_in_floats_and_is_named_nothing_else() -> None:
    other_resize: Change = lambda answer: nn.functional.interpolate(  # noqa: E731
        nn.functional.interpolate(answer, scale_factor=0.25), size=OUTPUT_SIZE
    )
    found = failed(evidence(behind=other_resize))
    assert list(found) == ["parity"]
    assert "computes in floats but its answers are only" in found["parity"]


def test_integers_that_follow_the_network_pass_and_those_that_do_not_warn() -> None:
    assert failed(evidence(behind=noisy, lossless=False)) == {}
    lost = check_artifact(evidence(behind=lambda answer: noisy(answer * 0), lossless=False))
    assert by_name(lost)["parity"] is CheckStatus.WARN


@pytest.mark.parametrize("kind", list(OutputKind))
def test_permuted_labels(kind: OutputKind) -> None:
    order = [0, 2, 1, 4, 3]
    behind: Change = lambda answer: answer[:, order] if kind is OutputKind.LOGITS else answer[:, order].argmax(1)  # noqa: E731
    found = {item.name: item for item in check_artifact(evidence(behind=behind, kind=kind))}["output"]
    assert found.status is CheckStatus.FAIL
    assert (
        "skin shows the network's hair, hair shows the network's skin, eyes shows the network's lips" in found.message
    )
    assert found.facts["order"] == order


def test_names_in_another_order_or_number() -> None:
    swapped = failed(evidence(names=("background", "hair", "skin", "eyes", "lips")))["output"]
    assert "calls class 1 'hair' where the network has 'skin'" in swapped
    assert (
        "answers with 4 classes" in failed(evidence(names=CLASSES[:4], behind=lambda answer: answer[:, :4]))["output"]
    )


@pytest.mark.parametrize(
    ("behind", "words"),
    [
        (lambda answer: answer.permute(0, 2, 3, 1).reshape(answer.shape), "channels last (NHWC) in memory, read as"),
        (
            lambda answer: answer.reshape(1, *OUTPUT_SIZE, len(CLASSES)).permute(0, 3, 1, 2),
            "channels first (NCHW) in memory, read as",
        ),
        (lambda answer: answer.flip(3), "the answer is mirrored"),
        (lambda answer: answer.flip(2), "the answer stands on its head"),
    ],
)
def test_confused_axes_of_the_answer(behind: Change, words: str) -> None:
    assert words in failed(evidence(behind=behind))["output"]


def test_an_answer_of_another_shape_than_the_manifest_s() -> None:
    found = failed(evidence(behind=lambda answer: answer.permute(0, 2, 3, 1)))["output"]
    assert "does not answer as its manifest says" in found
    assert "expected logits of shape (1, 5, 40, 56), got (1, 40, 56, 5)" in found


class Wavering(TorchRunner):
    """Its answer depends on how often it was asked."""

    asked: ClassVar[int] = 0

    def _fetch(self) -> NDArray[Any]:
        type(self).asked += 1
        return super()._fetch() + np.float32(1e-6 * self.asked)


def test_a_runner_that_is_not_deterministic() -> None:
    found = failed(evidence(runner=Wavering))
    assert list(found) == ["determinism"]
    assert "shown the same picture twice" in found["determinism"]


class Refusing(TorchRunner):
    def _open(self) -> None:
        raise RunnerError("this runtime refuses everything")


def test_a_runtime_that_refuses_is_not_a_pass() -> None:
    found = by_name(check_artifact(evidence(runner=Refusing)))
    assert found == {
        "determinism": CheckStatus.NOT_RUN,
        "output": CheckStatus.FAIL,
        "parity": CheckStatus.NOT_RUN,
        "preprocessing": CheckStatus.NOT_RUN,
    }


def images(count: int) -> MemoryDataset:
    return MemoryDataset(count, lambda image, index: np.full(image.shape[:2], IGNORE_INDEX, np.uint8))


def overlap(calibration: dict[str, str] | None, calibrated: tuple[str, ...] = ("tflite-int8_static",)) -> CheckResult:
    (found,) = check_run(RunEvidence(images(3), (HEIGHT, WIDTH), calibration, calibrated))
    return found


def test_pictures_that_calibrate_must_not_judge() -> None:
    used = {"holiday.jpg": picture_digest(picture(2)), "other.jpg": picture_digest(picture(77))}
    found = overlap(used)
    assert (found.name, found.status, found.artifact) == ("overlap", CheckStatus.FAIL, None)
    assert (
        "1 of 3 pictures that judge also calibrated tflite-int8_static: tiny-002 (calibration: holiday.jpg)"
        in found.message
    )
    assert found.facts["shared"] == [{"judging": "tiny-002", "calibration": "holiday.jpg"}]
    del used["holiday.jpg"]
    assert overlap(used).status is CheckStatus.PASS
    assert overlap(None).status is CheckStatus.NOT_RUN
    assert overlap(None, ()).status is CheckStatus.PASS


def litert_evidence(artifact: Artifact, net: TinyNet, **changes: Any) -> ArtifactEvidence:
    def ask(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return net(torch.from_numpy(tensor)).numpy()

    known = Expectations(ask, (picture(0), picture(1)), (HEIGHT, WIDTH), PixelRange.UNIT, TINY_CLASSES)
    ends = read_ends(artifact.path)
    edges = {
        name: end and Edge(end.dtype, end.quantization, end.declared)
        for name, end in (("input_edge", ends.input), ("output_edge", ends.output))
    }
    return ArtifactEvidence(
        artifact, partial(LiteRtRunner, artifact), known, artifact.recipe == "float32", **{**edges, **changes}
    )


@pytest.mark.parametrize("name", ["tflite-float32", "tflite-int8_static", "tflite-float32-labels"])
def test_real_artifacts_pass_and_the_kernels_of_litert_agree(
    name: str, artifacts: dict[str, Artifact], net: TinyNet
) -> None:
    artifact = artifacts[name]
    others = {f"litert ({backend})": partial(LiteRtRunner, artifact, backend) for backend in ("builtin", "reference")}
    found = check_artifact(litert_evidence(artifact, net, others=others))
    assert set(by_name(found).values()) == {CheckStatus.PASS}, found
    (runtimes,) = (item for item in found if item.name == "runtimes")
    assert set(runtimes.facts["agreement"]) == set(others)


def test_the_runtime_of_older_apps_agrees_too(
    artifacts: dict[str, Artifact], net: TinyNet, tflite_runtime: Path
) -> None:
    artifact = artifacts["tflite-int8_static"]
    others = {"tflite-runtime (cpu)": partial(TfliteRuntimeRunner, artifact)}
    found = {item.name: item for item in check_artifact(litert_evidence(artifact, net, others=others))}["runtimes"]
    assert found.status is CheckStatus.PASS, found
    assert found.facts["agreement"]["tflite-runtime (cpu)"] >= 0.99


class Backwards(LiteRtRunner):
    """A runtime with a kernel that computes something else."""

    def _fetch(self) -> NDArray[Any]:
        return -super()._fetch()


def test_a_runtime_that_answers_differently(artifacts: dict[str, Artifact], net: TinyNet) -> None:
    artifact = artifacts["tflite-float32"]
    found = failed(litert_evidence(artifact, net, others={"odd (cpu)": partial(Backwards, artifact)}))
    assert list(found) == ["runtimes"]
    assert "answers differently in litert (xnnpack) and odd (cpu)" in found["runtimes"]


def test_runtimes_that_cannot_be_asked_are_named(artifacts: dict[str, Artifact], net: TinyNet) -> None:
    found = check_artifact(
        litert_evidence(artifacts["tflite-float32"], net, unavailable={"odd (cpu)": "not installed"})
    )
    (runtimes,) = (item for item in found if item.name == "runtimes")
    assert runtimes.status is CheckStatus.NOT_RUN
    assert "odd (cpu): not installed" in runtimes.message


def with_scale(artifact: Artifact, folder: Path, factor: float, end: str) -> Artifact:
    """The file with the scale of its first (or last) integers multiplied."""
    model = schema.ModelT.InitFromPackedBuf(artifact.path.read_bytes(), 0)
    graph = model.subgraphs[0]
    codes = [code.builtinCode for code in model.operatorCodes]
    kind = schema.BuiltinOperator.QUANTIZE if end == "input" else schema.BuiltinOperator.DEQUANTIZE
    step = next(step for step in graph.operators if codes[step.opcodeIndex] == kind)
    tensor = graph.tensors[step.outputs[0] if end == "input" else step.inputs[0]]
    tensor.quantization.scale = [value * factor for value in tensor.quantization.scale]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = folder / "scaled.tflite"
    path.write_bytes(bytes(builder.Output()))
    return dataclasses.replace(artifact, path=path)


def test_a_broken_input_scale(artifacts: dict[str, Artifact], net: TinyNet, tmp_path: Path) -> None:
    broken = with_scale(artifacts["tflite-int8_static"], tmp_path, 0.25, "input")
    found = failed(litert_evidence(broken, net))["quantization"]
    assert "but pixels are 0 to 1: the picture is clipped" in found
    wide = check_artifact(litert_evidence(with_scale(artifacts["tflite-int8_static"], tmp_path, 8, "input"), net))
    (warned,) = (item for item in wide if item.name == "quantization")
    assert warned.status is CheckStatus.WARN
    assert "only 32 levels are left" in warned.message


def test_a_broken_output_scale(artifacts: dict[str, Artifact], net: TinyNet, tmp_path: Path) -> None:
    broken = with_scale(artifacts["tflite-int8_static"], tmp_path, 0.1, "output")
    assert "of the network's winning logits" in failed(litert_evidence(broken, net))["quantization"]


@pytest.mark.parametrize(
    ("quantization", "words"),
    [
        (Quantization(0.0, 0), "has scale 0.0, which is none"),
        (Quantization(float("nan"), 0), "has scale nan, which is none"),
        (Quantization(1 / 255, 4096), "has zero point 4096, which int8 does not hold"),
    ],
)
def test_scales_that_are_none(
    quantization: Quantization, words: str, artifacts: dict[str, Artifact], net: TinyNet
) -> None:
    edge = Edge("int8", quantization, True)
    assert words in failed(litert_evidence(artifacts["tflite-int8_static"], net, input_edge=edge))["quantization"]


def test_integers_that_are_not_what_the_manifest_says(artifacts: dict[str, Artifact], net: TinyNet) -> None:
    artifact = artifacts["tflite-int8_static"]
    claimed = dataclasses.replace(artifact.image, dtype="int8", quantization=Quantization(1 / 255, -128))
    lying = dataclasses.replace(artifact, image=claimed)
    found = failed(litert_evidence(lying, net))["quantization"]
    assert "what is fed is not what tflite-int8_static takes" in found


def test_every_check_asks_a_question_under_its_own_name() -> None:
    assert {"determinism", "output", "overlap", "parity", "preprocessing", "quantization", "runtimes"} <= set(checks())
    for name, check in checks().items():
        assert check.name == name
        assert check.question.endswith("?")
        assert isinstance(check, ArtifactCheck) or not hasattr(check, "formats")
