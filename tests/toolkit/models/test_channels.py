"""Pictures of other channels than red, green and blue: taken as the dataset stores them, by every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from converters import SourceError
from segdata.errors import DataError
from segdata.image_files import read_picture
from segdata.resize import resized
from tests.toolkit.models import awkward_networks
from toolkit.cli import run_command
from toolkit.models import load_source
from toolkit.options import RunOptions

HERE = "tests.toolkit.models.awkward_networks"
SIZE = (32, 48)
RUNTIMES = ["--runners", "litert,milrun,onnxruntime"]
QUICK = [*RUNTIMES, "--images", "3", "--calibration-images", "3", "--latency-samples", "1", "--threads", "1"]


def dataset(root: Path, channels: int, size: tuple[int, int] = SIZE) -> Path:
    """Five pictures of smooth noise with masks of three classes."""
    generator = np.random.default_rng(0)
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True)
    for number in range(5):
        coarse = generator.integers(0, 256, (4, 4, channels), dtype=np.uint8)
        bands = resized(coarse, *size)
        np.save(root / "images" / f"{number}.npy", bands)
        mask = (bands.astype(int).sum(axis=2) * 3 // (256 * channels)).astype(np.uint8)
        Image.fromarray(mask).save(root / "masks" / f"{number}.png")
    (root / "classes.txt").write_text("dark\nmiddle\nlight\n")
    return root


def measured(folder: Path) -> dict[str, float]:
    """Artifact in its runtime -> share of pixels with the float network's class."""
    report = json.loads((folder / "report.json").read_text())
    return {
        f"{item['name']} {run['runner']}": run["pixel_agreement"]
        for item in report["artifacts"]
        for run in item["runs"]
        if run["status"] == "measured"
    }


@pytest.mark.parametrize(("name", "channels"), [("five_channels", 5), ("one_channel", 1)])
def test_every_format(name: str, channels: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [
        "--model",
        f"{HERE}:{name}",
        "--channels",
        str(channels),
        "--mean",
        "0.4",
        "--std",
        "0.2",
        "--input-size",
        "32x48",
    ]
    data = ["--dataset", f"folder:{dataset(tmp_path / 'data', channels, (40, 40))}"]
    recipes = "float32,float16,int8_static,int8_weights,w8a8"
    out = tmp_path / "run"
    loose = ["--max-miou-drop", "1", "--max-class-drop", "1"]
    status = run_command(["run", *given, *data, *QUICK, *loose, "-r", recipes, "-o", str(out)])
    said = capsys.readouterr()
    found = measured(out)
    assert status == 0, said.out + said.err + str(found)
    assert len(found) == 8
    assert all(share == 1.0 for title, share in found.items() if "float32" in title), found
    assert all(share > 0.9 for share in found.values()), found
    checks = json.loads((out / "report.json").read_text())["checks"]
    assert {item["status"] for item in checks if item["name"] == "preprocessing"} == {"pass"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert {item["image"]["channels"] for item in manifest["artifacts"]} == {channels}
    assert list((out / "examples").glob("*-picture.png"))


@pytest.mark.parametrize("format_name", ["tflite", "coreml"])
def test_onnx_files(format_name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    network = awkward_networks.five_channels().eval()
    torch.onnx.export(network, (torch.rand(1, 5, *SIZE),), str(path), opset_version=17, dynamo=False)
    given = ["--model", str(path), "--channels", "5", "--dataset", f"masks:{dataset(tmp_path / 'data', 5)}"]
    out = tmp_path / "run"
    assert run_command(["run", *given, *QUICK, "-f", format_name, "-r", "float32", "-o", str(out), "--no-checks"]) == 0
    assert set(measured(out).values()) == {1.0}


def test_what_does_not_fit_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ["--model", f"{HERE}:five_channels", "--channels", "5"]
    for arguments, says in (
        (
            [*model, "-d", f"folder:{dataset(tmp_path / 'three', 3)}"],
            "3 channels and five_channels takes 5; give --channels",
        ),
        ([*model, "--dataset", f"folder:{dataset(tmp_path / 'four', 4)}"], "has 4 channels and five_channels takes 5"),
        (["--channels", "5"], "--channels is for networks of your own"),
        ([*model, "--channel-order", "bgr"], "channel order 'bgr' is for pictures of red, green and blue"),
        (["--model", f"{HERE}:five_channels"], "--channel-order"),
    ):
        assert run_command(["run", *arguments, "--input-size", "32", "-o", str(tmp_path / "run")]) == 2
        assert says in " ".join(capsys.readouterr().err.split())
    with pytest.raises(SourceError, match="mean has 2 numbers but the network takes 5 channels"):
        load_source(RunOptions(model=f"{HERE}:five_channels", channels=5, mean=(0.1, 0.2)))


class Harmful:
    """Would run when unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("harm-was-done"),))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (np.zeros((4, 4, 2), np.float32), r"float32 \(4, 4, 2\); store a picture as uint8"),
        (np.zeros((4, 4), np.uint8), r"uint8 \(4, 4\); store"),
        (np.zeros((0, 4, 2), np.uint8), r"\(0, 4, 2\)"),
        (np.array([Harmful()], dtype=object), "cannot be read"),
    ],
)
def test_arrays_that_are_no_pictures(content: NDArray[Any], says: str, tmp_path: Path) -> None:
    path = tmp_path / "bands.npy"
    np.save(path, content, allow_pickle=True)
    with pytest.raises(DataError, match=says):
        read_picture(path)
    assert not Path("harm-was-done").exists()
    path.write_bytes(path.read_bytes()[:90])
    with pytest.raises(DataError, match="cannot be read"):
        read_picture(path)


def test_channels_are_resized_as_pillow_resizes_colours() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    four = np.concatenate([picture, picture[:, :, :1]], axis=2)
    np.testing.assert_array_equal(resized(four, 11, 17)[:, :, :3], resized(picture, 11, 17))
