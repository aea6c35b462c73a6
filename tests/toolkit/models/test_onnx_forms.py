"""ONNX files in whatever form they were exported: the source computes what the torch network with the same options
does."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from converters import ModelSource, OutputKind, SourceError, make_plan
from converters.conversion.perform import perform
from quantization import recipe
from tests.toolkit.cli.test_bad_input import folder_dataset
from tests.toolkit.models import awkward_networks
from tests.toolkit.models.awkward_networks import MEAN, SIZE, STD
from toolkit.cli import run_command
from toolkit.errors import UsageError
from toolkit.models import load_source
from toolkit.options import RunOptions
from validation.runners import runners

HERE = "tests.toolkit.models.awkward_networks"
PICTURE = torch.rand((1, 3, *SIZE), generator=torch.Generator().manual_seed(1))
OPEN = {0: "batch", 2: "height", 3: "width"}


def written(name: str, path: Path, opset: int = 17, shape: tuple[int, ...] = (1, 3, *SIZE), **options: Any) -> Path:
    """The network in an ONNX file, by torch's older exporter."""
    network = getattr(awkward_networks, name)().eval()
    torch.onnx.export(network, (torch.rand(shape),), str(path), opset_version=opset, dynamo=False, **options)
    return path


def from_file(path: Path, **options: Any) -> ModelSource:
    return load_source(RunOptions(model=str(path), out=path.parent / "run", **options))


def from_torch(name: str, **options: Any) -> ModelSource:
    return load_source(RunOptions(model=f"{HERE}:{name}", input_size=SIZE, **options))


def answer(source: ModelSource, picture: torch.Tensor = PICTURE) -> np.ndarray[Any, np.dtype[np.float32]]:
    if source.module is not None:
        with torch.inference_mode():
            return source.module(picture).numpy()  # type: ignore[no-any-return]
    session = onnxruntime.InferenceSession(str(source.onnx_path), providers=["CPUExecutionProvider"])
    (given,), (found,) = session.get_inputs(), session.get_outputs()
    assert tuple(given.shape) == (1, 3, *source.input_size)
    assert tuple(found.shape) == (1, len(source.classes), *source.output_size)
    return session.run(None, {given.name: picture.numpy()})[0]  # type: ignore[no-any-return]


@cache
def answer_of_torch(name: str, options: tuple[tuple[str, Any], ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return answer(from_torch(name, **dict(options)), seen_by(dict(options)))


def seen_by(options: dict[str, Any]) -> torch.Tensor:
    return PICTURE * (255 if options.get("pixel_range") == "byte" else 1)


def same(path: Path, name: str, **options: Any) -> None:
    wanted = answer_of_torch(name, tuple(sorted(options.items())))
    np.testing.assert_allclose(answer(from_file(path, **options), seen_by(options)), wanted, rtol=1e-4, atol=1e-4)


OPTIONS: list[dict[str, Any]] = [
    {"mean": MEAN, "std": STD},
    {"mean": (0.5,)},
    {"std": STD, "channel_order": "bgr"},
    {"pixel_range": "byte", "mean": (100.0, 110.0, 120.0)},
    {"upsample": "bilinear"},
    {"upsample": "bilinear-corners"},
    {"upsample": "nearest"},
    {"output_size": (20, 20)},
    {"output_size": (20, 20), "upsample": "nearest"},
]
OF_EVERY_KIND = (0, 3, 4, 8)
CASES = [(17, options) for options in OPTIONS] + [
    (11, options) if index in OF_EVERY_KIND else pytest.param(11, options, marks=pytest.mark.slow)
    for index, options in enumerate(OPTIONS)
]


@pytest.mark.parametrize(("opset", "options"), CASES)
def test_options_compute_what_they_compute_around_torch(opset: int, options: dict[str, Any], tmp_path: Path) -> None:
    same(written("plain", tmp_path / "net.onnx", opset), "plain", **options)


@pytest.mark.parametrize(
    ("name", "channels", "options"),
    [
        ("one_channel", 1, {"channel_order": "grey"}),
        ("one_channel", 1, {"channel_order": "grey", "mean": (0.3,), "std": (0.2,)}),
        ("four_channels", 4, {"channel_order": "rgba"}),
        ("four_channels", 4, {"channel_order": "bgra", "pixel_range": "byte"}),
        ("binary", 3, {}),
    ],
)
def test_any_number_of_channels(name: str, channels: int, options: dict[str, Any], tmp_path: Path) -> None:
    same(written(name, tmp_path / "net.onnx", shape=(1, channels, *SIZE)), name, **options)


def test_channels_last(tmp_path: Path) -> None:
    path = written("channels_last_bgr", tmp_path / "net.onnx", shape=(1, *SIZE, 3))
    options: dict[str, Any] = {"channel_order": "bgr", "model_layout": "nhwc", "mean": MEAN[::-1], "std": STD[::-1]}
    same(path, "channels_last_bgr", **options)
    with pytest.raises(SourceError, match=r"takes .*1 x 32 x 48 x 3.*--model-layout"):
        from_file(path)


def test_open_sizes_are_fixed(tmp_path: Path) -> None:
    given, answers = {"input_names": ["picture"], "output_names": ["scores"]}, {"picture": OPEN, "scores": OPEN}
    path = written("plain", tmp_path / "net.onnx", dynamic_axes=answers, **given)
    found = from_file(path, input_size=SIZE)
    np.testing.assert_allclose(answer(found), answer(from_torch("plain")), rtol=1e-5, atol=1e-5)
    assert from_file(path).input_size == (256, 256)
    assert from_file(path, input_size=SIZE).weights_sha256 == found.weights_sha256
    assert from_file(path, input_size=(64, 64)).weights_sha256 != found.weights_sha256


def test_a_file_that_fits_is_taken_as_it_is(tmp_path: Path) -> None:
    path = written("plain", tmp_path / "net.onnx")
    assert from_file(path).onnx_path == path
    assert from_file(path, input_size=SIZE).onnx_path == path
    with pytest.raises(SourceError, match=r"fixed to pictures of 32 x 48; leave --input-size out"):
        from_file(path, input_size=(64, 64))


def with_outputs(path: Path, names: list[str]) -> Path:
    """Two maps in one file."""
    return written("as_tuple", path, output_names=names)


def test_of_several_outputs_one_is_found_or_named(tmp_path: Path) -> None:
    found = from_file(with_outputs(tmp_path / "usual.onnx", ["out", "aux"]))
    np.testing.assert_allclose(answer(found), answer(from_torch("plain")), rtol=1e-5, atol=1e-5)
    path = with_outputs(tmp_path / "unusual.onnx", ["first", "second"])
    with pytest.raises(SourceError, match=r"first .*second .*--answer"):
        from_file(path)
    second = from_file(path, answer="second")
    assert len(second.classes) == 2 and [item.name for item in onnx.load(str(second.onnx_path)).graph.output] == [
        "second"
    ]


class Bytes(nn.Module):
    """Takes bytes and scales them itself."""

    def __init__(self) -> None:
        super().__init__()
        self.core = awkward_networks.Core()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.core(image.float() / 255)
        return logits


def test_bytes(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    picture = (PICTURE * 255).round()
    torch.onnx.export(Bytes().eval(), (picture.to(torch.uint8),), str(path), opset_version=17, dynamo=False)
    found = answer(from_file(path, pixel_range="byte"), picture)
    np.testing.assert_allclose(found, answer(from_torch("plain"), picture / 255), rtol=1e-4, atol=1e-4)
    for options in ({}, {"pixel_range": "byte", "mean": (128.0,)}):
        with pytest.raises(SourceError, match="takes bytes; give --pixel-range byte"):
            from_file(path, **options)


def test_half_precision(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    torch.onnx.export(
        awkward_networks.Core().half().eval(), (PICTURE.half(),), str(path), opset_version=17, dynamo=False
    )
    np.testing.assert_allclose(answer(from_file(path)), answer(from_torch("plain")), rtol=2e-2, atol=2e-2)


def weights_beside(path: Path) -> Path:
    """The network with its weights in a file of their own, as torch's newer exporter writes it."""
    written("plain", path)
    model = onnx.load(str(path))
    onnx.save(model, str(path), save_as_external_data=True, location="net.data", size_threshold=0)
    return path


def test_weights_in_a_file_beside_count(tmp_path: Path) -> None:
    path = weights_beside(tmp_path / "net.onnx")
    before = from_file(path)
    np.testing.assert_allclose(answer(before), answer(from_torch("plain")), rtol=1e-5, atol=1e-5)
    data = bytearray((tmp_path / "net.data").read_bytes())
    data[3] ^= 0x01  # the exponent of the first weight
    (tmp_path / "net.data").write_bytes(bytes(data))
    after = from_file(path)
    assert after.weights_sha256 != before.weights_sha256
    assert not np.allclose(answer(after), answer(from_torch("plain")), rtol=1e-3)
    (tmp_path / "net.data").unlink()
    with pytest.raises(SourceError, match=r"net\.onnx is not a usable ONNX model"):
        from_file(path)


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    several = written("plain", tmp_path / "several.onnx", shape=(2, 3, *SIZE))
    with pytest.raises(SourceError, match=r"2 x 3 x 32 x 48.*batch of one"):
        from_file(several)
    with pytest.raises(SourceError, match=r"not one picture of 1 channels"):
        from_file(written("plain", tmp_path / "net.onnx"), channel_order="grey")
    with pytest.raises(SourceError, match=r"logits \(1, classes, h, w\)|no four-dimensional"):
        from_file(written("flat", tmp_path / "flat.onnx"))
    with pytest.raises(SourceError, match="300 classes"):
        from_file(written("crowded", tmp_path / "crowded.onnx"))
    with pytest.raises(UsageError, match="--weights fills the network of a factory"):
        from_file(tmp_path / "net.onnx", weights=tmp_path / "net.safetensors")


def test_class_numbers_are_no_scores(tmp_path: Path) -> None:
    model = onnx.load(str(written("plain", tmp_path / "net.onnx")))
    (output,) = model.graph.output
    model.graph.node.append(onnx.helper.make_node("ArgMax", [output.name], ["numbers"], axis=1, keepdims=1))
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info("numbers", onnx.TensorProto.INT64, [1, 1, 16, 24]))
    onnx.save(model, str(tmp_path / "numbers.onnx"))
    with pytest.raises(SourceError, match="answers in int64, which are no scores"):
        from_file(tmp_path / "numbers.onnx")


@pytest.mark.parametrize("format_name", ["tflite", "coreml", "onnx"])
def test_an_adapted_file_converts_like_any(format_name: str, tmp_path: Path) -> None:
    path = written(
        "plain",
        tmp_path / "net.onnx",
        input_names=["picture"],
        output_names=["scores"],
        dynamic_axes={"picture": OPEN, "scores": OPEN},
    )
    options: dict[str, Any] = {"mean": MEAN, "std": STD, "channel_order": "bgr", "upsample": "bilinear"}
    plan = make_plan(
        from_file(path, input_size=SIZE, **options), [(format_name, recipe("float32"))], output=OutputKind.LOGITS
    )
    (outcome,) = perform(plan, tmp_path / "artifacts")
    assert outcome.artifact is not None, outcome.error
    name = {"tflite": "litert", "coreml": "milrun", "onnx": "onnxruntime"}[format_name]
    picture = (PICTURE[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    wanted = answer(from_torch("plain", **options), torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)
    with runners()[name](outcome.artifact, runners()[name].backends[0], 1) as runner:
        found = runner.predict(picture)
    np.testing.assert_allclose(found, np.moveaxis(wanted[0], 0, 2), rtol=1e-3, atol=1e-3)


def test_a_whole_run_and_what_follows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(
        "plain",
        tmp_path / "net.onnx",
        input_names=["picture"],
        output_names=["scores"],
        dynamic_axes={"picture": OPEN, "scores": OPEN},
    )
    out = tmp_path / "run"
    quick = ["--images", "2", "--calibration-images", "2", "--latency-samples", "1", "--threads", "1", "--no-checks"]
    data = folder_dataset(tmp_path / "data", ("a", "b", "c", "d"))
    given = [
        "--model",
        str(path),
        "--dataset",
        f"folder:{data}",
        "--input-size",
        "32x48",
        "--mean",
        "0.4,0.5,0.6",
        "--upsample",
        "bilinear",
        *quick,
    ]
    status = run_command(["run", *given, "--formats", "coreml,onnx", "-r", "float32", "-o", str(out)])
    report = json.loads((out / "report.json").read_text())
    # An untrained network with one answer everywhere: nothing passes by keeping such a score.
    assert (status, len(report["meaningless"])) == (1, 1), capsys.readouterr().err
    runs = [run for item in report["artifacts"] for run in item["runs"] if run["status"] == "measured"]
    assert [run["pixel_agreement"] for run in runs] == [1.0, 1.0]
    assert (report["model"]["inputs"][0]["height"], report["model"]["inputs"][0]["width"]) == (32, 48)
    # What follows remembers the options; the file in the cache may have gone.
    shutil.rmtree(out / "cache")
    assert run_command(["validate", str(out), "--images", "2"]) == 1
    path.write_bytes(written("binary", tmp_path / "other.onnx").read_bytes())
    assert run_command(["validate", str(out)]) == 2
    assert "weights of" in capsys.readouterr().err


def test_a_package_is_compared_with_an_onnx_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written("plain", tmp_path / "net.onnx")
    plan = make_plan(from_file(path), [("coreml", recipe("float16"))], output=OutputKind.LOGITS)
    (outcome,) = perform(plan, tmp_path / "artifacts")
    assert outcome.artifact is not None, outcome.error
    before = set(Path.cwd().iterdir())
    assert run_command(["inspect", str(outcome.artifact.path), "--compare", str(path), "-n", "1"]) == 0
    assert "conv" in capsys.readouterr().out and set(Path.cwd().iterdir()) == before
