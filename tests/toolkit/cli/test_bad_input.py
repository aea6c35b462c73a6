"""The command line as a subprocess, given what people really give it: one sentence, the right status, nothing
half-written."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdata import FACE11, FACE19

ROOT = Path(__file__).parents[3]
Arguments = list[str]


def segport(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the installed console command, which finds the tests' networks."""
    command = Path(sys.executable).parent / "segport"
    return subprocess.run(
        [str(command), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        timeout=300,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def folder_dataset(root: Path, classes: tuple[str, ...], mask_size: int = 64) -> Path:
    """A generic dataset of two pictures of 64x64 with masks of `mask_size`."""
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for kind in ("images", "masks"):
            (root / split / kind).mkdir(parents=True)
        for name in ("a", "b"):
            picture = random.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(picture).save(root / split / "images" / f"{name}.png")
            mask = random.integers(0, len(classes), (mask_size, mask_size), dtype=np.uint8)
            Image.fromarray(mask).save(root / split / "masks" / f"{name}.png")
    (root / "classes.txt").write_text("\n".join(classes) + "\n")
    return root


class Executes:
    """Unpickling this creates a file: the proof that code in a checkpoint ran."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (self.proof,))


def missing_file(root: Path) -> Arguments:
    return ["run", "--model", str(root / "nowhere.safetensors")]


def text_named_pt(root: Path) -> Arguments:
    (root / "net.pt").write_text("this is no checkpoint\n")
    return ["run", "--model", str(root / "net.pt")]


def pickle_with_code(root: Path) -> Arguments:
    (root / "evil.pt").write_bytes(pickle.dumps(Executes(root / "executed")))
    return ["run", "--model", str(root / "evil.pt")]


def weights_with_code(root: Path) -> Arguments:
    (root / "nets.py").write_text("import torch\ndef net():\n    return torch.nn.Conv2d(3, 2, 1)\n")
    (root / "evil.pt").write_bytes(pickle.dumps(Executes(root / "executed")))
    return ["run", "--model", "nets:net", "--weights", str(root / "evil.pt")]


def wrong_class_count(root: Path) -> Arguments:
    return ["run", "--dataset", f"folder:{folder_dataset(root / 'data', FACE19.names)}"]


def mask_of_another_size(root: Path) -> Arguments:
    return ["run", "--dataset", f"folder:{folder_dataset(root / 'data', FACE11.names, mask_size=32)}"]


def empty_folder(root: Path) -> Arguments:
    (root / "data").mkdir()
    return ["run", "--dataset", f"folder:{root / 'data'}"]


def unknown_key_in_config(root: Path) -> Arguments:
    (root / "run.toml").write_text("imges = 5\n")
    return ["run", "--config", str(root / "run.toml")]


def value_out_of_range(root: Path) -> Arguments:
    return ["run", "--max-miou-drop", "3"]


def unknown_recipe(root: Path) -> Arguments:
    return ["run", "--recipes", "int7"]


def unknown_runner(root: Path) -> Arguments:
    return ["run", "--runners", "abacus"]


def factory_that_is_not_there(root: Path) -> Arguments:
    return ["run", "--model", "no_such_package:net"]


def damaged_onnx(root: Path) -> Arguments:
    (root / "net.onnx").write_bytes(b"\x08\x07not a graph")
    return ["run", "--model", str(root / "net.onnx")]


def no_calibration_pictures(root: Path) -> Arguments:
    data = folder_dataset(root / "data", FACE11.names)
    for path in (data / "train").rglob("*.png"):
        path.unlink()
    return ["convert", "--formats", "tflite", "--recipes", "int8_static", "--dataset", f"folder:{data}"]


def flat_calibration_pictures(root: Path) -> Arguments:
    data = folder_dataset(root / "data", FACE11.names)
    for path in (data / "train" / "images").iterdir():
        Image.new("RGB", (64, 64), (200, 30, 40)).save(path)  # flat, though its channels differ
    return ["convert", "--formats", "tflite", "--recipes", "int8_static", "--dataset", f"folder:{data}"]


def activations_that_are_no_numbers(root: Path) -> Arguments:
    return [
        "convert",
        "--model",
        "tests.toolkit.models.awkward_networks:not_a_number",
        "--recipes",
        "int8_static",
        "--input-size",
        "64",
    ]


def unknown_calibration_method(root: Path) -> Arguments:
    return ["run", "--calibration-method", "guess"]


def no_calibration_samples(root: Path) -> Arguments:
    return ["run", "--calibration-samples", "0"]


def repairs_that_exclude_each_other(root: Path) -> Arguments:
    return ["run", "--repair", "none,bias"]


def integer_pictures_for_floats(root: Path) -> Arguments:
    return ["run", "--io-dtype", "uint8", "--recipes", "float16"]


def quantizer_and_route_that_exclude_each_other(root: Path) -> Arguments:
    return ["run", "--quantizer", "tensorflow", "--tflite-route", "litert-torch"]


@pytest.mark.parametrize(
    ("case", "says"),
    [
        (missing_file, "does not exist"),
        (text_named_pt, "net.pt"),
        (pickle_with_code, "evil.pt"),
        (weights_with_code, "evil.pt"),
        (wrong_class_count, "11 classes"),
        (mask_of_another_size, "32"),
        (empty_folder, "data"),
        (unknown_key_in_config, "did you mean 'images'"),
        (value_out_of_range, "max-miou-drop"),
        (unknown_recipe, "int8_static"),
        (unknown_runner, "litert"),
        (factory_that_is_not_there, "no_such_package"),
        (damaged_onnx, "net.onnx"),
        (no_calibration_pictures, "images"),
        (flat_calibration_pictures, "every calibration picture is one flat colour"),
        (activations_that_are_no_numbers, "answers with NaN or infinity to a grey picture"),
        (unknown_calibration_method, "calibration-method"),
        (no_calibration_samples, "calibration-images"),
        (repairs_that_exclude_each_other, "excludes other repairs"),
        (integer_pictures_for_floats, "is for TFLite int8_static"),
        (quantizer_and_route_that_exclude_each_other, "leave --tflite-route out"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(case: Callable[[Path], Arguments], says: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = segport(*case(tmp_path), "--out", str(out), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("segport: ")]
    assert len(errors) == 1, done.stderr
    assert says in errors[0]
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "executed").exists()
    assert not out.exists() or not [path for path in out.rglob("*") if path.is_file() and path.name != ".lock"]


@pytest.mark.usefixtures("cold_processes")
def test_usage_error_exits_2(tmp_path: Path) -> None:
    done = segport("run", "--no-such-option", cwd=tmp_path)
    assert done.returncode == 2
    assert "No such option" in done.stderr


@pytest.mark.parametrize("command", ["validate", "bench", "report"])
def test_commands_on_a_folder_without_a_run(command: str, tmp_path: Path) -> None:
    done = segport(command, str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("segport: ")
    assert "Traceback" not in done.stderr


def test_inspect_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = segport("inspect", str(tmp_path / "x.tflite"), cwd=tmp_path)
    assert done.returncode == 2
    assert "x.tflite" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["", "run", "convert", "validate", "bench", "report", "train", "inspect", "doctor"])
def test_help_shows_examples(command: str, tmp_path: Path) -> None:
    done = segport(*command.split(), "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "segport" in done.stdout
    if command:
        assert "Example" in done.stdout


def test_ctrl_c_says_so_and_leaves_nothing_unfinished(tmp_path: Path) -> None:
    command = Path(sys.executable).parent / "segport"
    out = tmp_path / "out"
    running = subprocess.Popen(
        [str(command), "convert", "--formats", "tflite", "--recipes", "float32", "--out", str(out)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    workspace = out / "artifacts" / ".segport-workspace"
    deadline = time.monotonic() + 120
    while not workspace.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workspace.exists()
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "segport: stopped" in errors
    assert "Traceback" not in errors
    assert not list(out.rglob("*.tflite"))
    assert not workspace.exists()
