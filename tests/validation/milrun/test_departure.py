"""Comparing packages operation by operation: a planted fault is named, and rounding is told from conversion."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from toolkit.apps.inspect.departure import compare, to_json, verdict
from toolkit.errors import UsageError
from validation.errors import ValidationError
from validation.milrun import Interpreter, MilRunError
from validation.milrun.file.schema import model_class
from validation.observing.departure import Departure, Noise, OperationNoise, compare_output, compare_packages

from .building import PixelNet, convert, seeded

ct = pytest.importorskip("coremltools")
SHAPE = (1, 3, 16, 16)
SPECIFICATION = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")


def network() -> torch.nn.Module:
    """What the packages are made of; also a factory for the command line."""
    return seeded(PixelNet, 4, 16)


def wider() -> torch.nn.Module:
    """The same with more classes, which the command line names."""
    made: torch.nn.Module = torch.nn.Sequential(network(), torch.nn.Conv2d(4, 9, 1))
    return made


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packages")
    found = {}
    for name in ("FLOAT32", "FLOAT16"):
        picture = ct.ImageType("x", SHAPE, scale=1 / 255)
        model = convert(network(), SHAPE, inputs=[picture], compute_precision=getattr(ct.precision, name))
        found[name.lower()] = folder / f"{name.lower()}.mlpackage"
        model.save(str(found[name.lower()]))
    return found


def pictures(count: int = 2) -> list[NDArray[np.uint8]]:
    return [np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8) for seed in range(count)]


def damaged(package: Path, folder: Path, turn: int) -> tuple[Path, str]:
    """A copy whose `turn`-th convolution has its weights in reverse order; and that operation's name."""
    copy = folder / "damaged.mlpackage"
    shutil.copytree(package, copy)
    model = model_class().FromString((copy / SPECIFICATION).read_bytes())
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    conv = [operation for operation in block.operations if operation.type == "conv"][turn]
    (binding,) = conv.inputs["weight"].arguments
    constant = next(op for op in block.operations if op.outputs and op.outputs[0].name == binding.name)
    offset = constant.attributes["val"].blobFileValue.offset
    content = np.fromfile(copy / WEIGHTS, dtype=np.uint8)
    size, start = (int(value) for value in content[offset + 8 : offset + 24].view(np.uint64))
    content[start : start + size] = content[start : start + size].view(np.uint16)[::-1].copy().view(np.uint8)
    content.tofile(copy / WEIGHTS)
    return copy, conv.attributes["name"].immediateValue.tensor.strings.values[0]


def test_float16_loses_little_and_evenly(packages: dict[str, Path]) -> None:
    found = compare_packages(packages["float16"], packages["float32"], pictures())
    assert found.first is None and found.cause is None
    compared = [item.sqnr_db for item in found.operations if item.sqnr_db is not None]
    assert len(compared) >= 10
    assert 40 < min(compared) < 90
    assert [item.number for item in found.operations] == list(range(1, len(found.operations) + 1))
    assert {item.note for item in found.operations if item.sqnr_db is None} == {"not in the reference"}
    assert {item.kind for item in found.operations if item.sqnr_db is None} == {"cast"}
    (output,) = found.outputs
    assert output.sqnr_db > 40 and output.same_class is not None and output.same_class > 0.9


def test_a_package_equals_itself(packages: dict[str, Path]) -> None:
    found = compare_packages(packages["float32"], packages["float32"], pictures(1))
    assert all(item.sqnr_db == math.inf and item.lost_db == 0 for item in found.operations)
    assert found.outputs[0].same_class == 1.0
    assert {entry["sqnr_db"] for entry in to_json(found)["operations"]} == {"exact"}


@pytest.mark.parametrize("turn", [0, 1, 3])
def test_a_damaged_weight_is_named(packages: dict[str, Path], tmp_path: Path, turn: int) -> None:
    package, name = damaged(packages["float16"], tmp_path, turn)
    found = compare_packages(package, packages["float32"], pictures())
    assert found.first is not None and found.largest_loss is not None
    assert found.first.name == found.largest_loss.name == name
    assert found.first.sqnr_db is not None and found.first.sqnr_db < 15
    assert found.cause == "conversion"
    before = [item for item in found.operations[: found.first.number - 1] if item.sqnr_db is not None]
    assert all(item.sqnr_db is not None and item.sqnr_db > 40 for item in before)
    assert f"{name} (conv)" in verdict(found)


def test_float32_arithmetic_takes_rounding_away(packages: dict[str, Path]) -> None:
    found = compare_packages(packages["float16"], packages["float32"], pictures())
    last = [item for item in found.operations if item.sqnr_db is not None][-1]
    assert last.sqnr_db is not None and last.float32_db is not None
    assert last.float32_db > last.sqnr_db + 1


@pytest.mark.parametrize(("float32_db", "cause"), [(60.0, "rounding"), (29.0, "conversion"), (-math.inf, "conversion")])
def test_the_cause_is_what_float32_arithmetic_leaves(float32_db: float, cause: str) -> None:
    sound = OperationNoise(1, "a", "conv", 50.0, 60.0, 25.0)
    broken = OperationNoise(2, "b", "conv", -math.inf, float32_db, 125.0)
    found = Departure("x", "y", 1, 30.0, (sound, broken))
    assert found.first is broken and found.largest_loss is broken
    assert found.cause == cause
    assert to_json(found)["operations"][1]["sqnr_db"] == "overflow"
    assert "operation 2, b (conv), overflow dB" in verdict(found)


def test_noise_is_the_textbook_ratio() -> None:
    signal = torch.from_numpy(np.random.default_rng(0).normal(size=1000).astype(np.float32))
    noise = Noise()
    noise.add(signal, signal * 1.01)
    assert noise.sqnr_db == pytest.approx(40, abs=1e-3)
    noise.add(signal, signal)
    assert noise.sqnr_db == pytest.approx(40 + 10 * math.log10(2), abs=1e-3)
    noise.add(torch.tensor([1.0, math.inf]), torch.tensor([1.0, math.inf]))
    assert math.isfinite(noise.sqnr_db)
    noise.add(torch.tensor([1.0]), torch.tensor([math.inf]))
    assert noise.sqnr_db == -math.inf
    nothing = Noise()
    nothing.add(torch.zeros(3), torch.ones(3))
    assert nothing.sqnr_db == -math.inf


def test_same_class_is_counted_per_pixel() -> None:
    scores = np.zeros((1, 2, 2, 2), np.float32)
    other = scores.copy()
    other[0, 1, 0, 0] = 1
    assert compare_output("y", "torch", [scores], [other]).same_class == 0.75
    assert compare_output("y", "torch", [scores.argmax(1)], [other.argmax(1)]).same_class == 0.75


def test_what_cannot_be_compared_is_said(packages: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="at least one picture"):
        compare_packages(packages["float16"], packages["float32"], [])
    other = tmp_path / "other.mlpackage"
    convert(torch.nn.Hardtanh(), SHAPE, inputs=[ct.ImageType("x", SHAPE)]).save(str(other))
    with pytest.raises(ValidationError, match="no operation of the same name"):
        compare_packages(other, packages["float32"], pictures(1))
    flat = tmp_path / "flat.mlpackage"
    convert(torch.nn.ReLU(), (1, 7)).save(str(flat))
    with pytest.raises(ValidationError, match="not a picture"):
        compare_packages(flat, packages["float32"], pictures(1))
    with pytest.raises(UsageError, match="only Core ML packages"):
        compare(tmp_path / "net.onnx", "fp-liif-face11")
    with pytest.raises(MilRunError, match="does not exist"):
        compare(packages["float16"], str(tmp_path / "nowhere.mlpackage"), pictures=1)


def test_another_network_is_no_reference(packages: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Operations of the same name and shape prove nothing where the answers have other shapes."""
    from toolkit.cli import run_command

    given = ["inspect", str(packages["float16"]), "--compare", f"{__name__}:wider", "-n", "1"]
    assert run_command(given) == 2
    assert "give the network it was converted from" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(ValidationError, match=r"answers \(1, 2\) where its reference answers \(1, 3\)"):
        compare_output("y", "torch", [np.zeros((1, 3))], [np.zeros((1, 2))])


def test_command_line_against_a_package(
    packages: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from toolkit.cli.commands.inspect import COMMAND

    package, name = damaged(packages["float16"], tmp_path, 1)
    assert COMMAND(package, str(packages["float32"]), images=1, as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["first_departure"] == name and document["cause"] == "conversion"
    assert len(document["operations"]) == len(Interpreter(package).operations)
    assert COMMAND(package, str(packages["float32"]), images=1) == 0
    shown = capsys.readouterr().out
    assert "First departure: operation" in shown and name in shown


def test_against_the_network_itself(packages: dict[str, Path]) -> None:
    found = compare(packages["float16"], f"{__name__}:network", pictures=1)
    assert found.first is None
    named = {item.against: item for item in found.outputs}
    assert named["torch, float32 package"].sqnr_db > 90
    assert 40 < named["torch, this package"].sqnr_db < 90
    assert named["torch, this package"].same_class == pytest.approx(1, abs=0.1)
