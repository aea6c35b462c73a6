"""What no converter can take, said with the module and the line; channels and classes of every number."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from converters import ModelSource, OutputKind, SourceError, make_plan
from converters.conversion.perform import perform
from quantization import recipe
from tests.toolkit.cli.test_bad_input import folder_dataset
from tests.toolkit.models import awkward_networks
from toolkit.cli import run_command
from toolkit.models import load_source
from toolkit.options import RunOptions
from validation.runners import runners

HERE = "tests.toolkit.models.awkward_networks"
ROOT = Path(__file__).resolve().parents[3]
SIZE = (32, 48)
PICTURE = torch.rand((1, 3, *SIZE), generator=torch.Generator().manual_seed(1))


def source(name: str, **options: Any) -> ModelSource:
    model = name if "/" in name else f"{HERE}:{name}"
    return load_source(RunOptions(model=model, input_size=SIZE, **options))


def line_in(kind: type, text: str) -> int:
    """The line of awkward_networks.py below `class kind` that holds `text`."""
    lines = Path(str(awkward_networks.__file__)).read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"class {kind.__name__}("))
    return next(number + 1 for number in range(start, len(lines)) if text in lines[number])


REFUSED = [
    ("deciding", "decides by the pixels", "odd", line_in(awkward_networks.Deciding, "mean()")),
    ("training", "runs in training mode", "odd", line_in(awkward_networks.Training, "training=True")),
    ("dropping", "runs in training mode", "", line_in(awkward_networks.AlwaysDropping, "F.dropout")),
    ("noisy", "calls a random function", "odd", line_in(awkward_networks.Random, "rand_like")),
]


@pytest.mark.parametrize(("name", "says", "module", "line"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_no_graph_holds_is_named_with_module_and_line(name: str, says: str, module: str, line: int) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        source(name)
    assert f"awkward_networks.py, line {line})" in str(caught.value)
    assert not module or f" in {module} (" in str(caught.value)


@pytest.mark.parametrize("how", ["item", "tolist", "numpy", "shared", "data"])
def test_a_value_read_off_the_picture_is_no_constant(how: str) -> None:
    with pytest.raises(SourceError, match=f"reads_{how} reads a value off the picture") as caught:
        source(f"reads_{how}")
    line = line_in(awkward_networks.ReadingOff, f'"{how}": lambda')
    assert f"awkward_networks.py, line {line}), which a graph would keep" in str(caught.value)
    assert len(source("reads_nothing").classes) == 3


def test_what_no_converter_takes_is_said_of_the_source() -> None:
    with pytest.raises(SourceError, match=r"with a batch of 2, shape \(2, 3, 16, 24\)"):
        source("batch_of_two")
    with pytest.raises(SourceError, match=r"has a parameter without values \(0.weight\).*--weights"):
        source("lazy")
    with pytest.raises(SourceError, match="3 channels instead in module 0;"):
        source("sequential")


def test_lazy_layers_with_weights_have_values(tmp_path: Path) -> None:
    network = awkward_networks.lazy()
    network(PICTURE)
    torch.save(network.state_dict(), tmp_path / "net.pt")
    found = source("lazy", weights=tmp_path / "net.pt").module
    assert found is not None
    torch.testing.assert_close(found(PICTURE), network(PICTURE))


def refused(*arguments: str) -> str:
    """What a person sees of a command that is refused, all of it."""
    command = [sys.executable, "-c", "import sys; from toolkit.cli import main; sys.exit(main())", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2, done.stderr
    assert not done.stdout
    return done.stderr


def test_only_the_sentence_reaches_the_terminal(tmp_path: Path) -> None:
    torch.jit.script(awkward_networks.Doing(awkward_networks.Deciding())).save(str(tmp_path / "branch.ts"))
    torch.jit.trace(awkward_networks.Doing(awkward_networks.Normalising()), PICTURE).save(str(tmp_path / "training.ts"))
    whole = tmp_path / "whole.pt2"
    torch.export.save(torch.export.export(awkward_networks.three().eval(), (PICTURE,)), whole)
    with zipfile.ZipFile(whole) as before, zipfile.ZipFile(tmp_path / "damaged.pt2", "w") as after:
        for name in before.namelist():
            after.writestr(name, before.read(name)[: 20 if "/weights/weight_" in name else None])
    for model, says in (
        (f"{HERE}:deciding", "decides by the pixels"),
        (f"{HERE}:reads_data", "reads a value off the picture"),
        (str(tmp_path / "branch.ts"), "decides by the pixels"),
        (str(tmp_path / "training.ts"), "was saved in training mode"),
        (str(tmp_path / "damaged.pt2"), "is not a usable torch.export program"),
    ):
        errors = refused("convert", "-m", model, "--input-size", "32x48", "-o", str(tmp_path / "out"))
        assert says in errors
        assert errors.startswith("segport: ") and errors.count("\n") == 1, errors


def test_numbers_that_are_none_are_named_with_the_module() -> None:
    with pytest.raises(SourceError, match="NaN or infinity to a grey picture, first in the answer of odd"):
        source("not_a_number")


def test_a_check_that_exporting_leaves_out_is_no_decision() -> None:
    assert len(source("checking").classes) == 3


def test_programs_saved_in_training_mode_or_with_branches(tmp_path: Path) -> None:
    training = awkward_networks.Doing(awkward_networks.Normalising()).train()
    torch.export.save(torch.export.export(training, (PICTURE,)), tmp_path / "training.pt2")
    torch.jit.trace(training, PICTURE, check_trace=False).save(str(tmp_path / "training.ts"))
    torch.jit.script(awkward_networks.Deciding()).save(str(tmp_path / "branch.ts"))
    with pytest.raises(SourceError, match=r"training.pt2 was saved in training mode \(batch_norm in odd.norm"):
        source(str(tmp_path / "training.pt2"))
    with pytest.raises(SourceError, match=r"training.ts was saved in training mode"):
        source(str(tmp_path / "training.ts"))
    with pytest.raises(SourceError, match=r"branch.ts decides by the pixels"):
        source(str(tmp_path / "branch.ts"))


@pytest.mark.parametrize("format_name", ["tflite", "coreml", "onnx"])
def test_an_unsupported_operation_is_named_with_module_and_line(format_name: str, tmp_path: Path) -> None:
    plan = make_plan(source("fourier"), [(format_name, recipe("float32"))], output=OutputKind.LOGITS)
    (outcome,) = perform(plan, tmp_path)
    line = line_in(awkward_networks.Fourier, "fft2")
    assert outcome.artifact is None
    assert "is called in odd (" in str(outcome.error)
    assert f"awkward_networks.py, line {line})" in str(outcome.error)


def as_taken(order: str, scale: float = 1.0) -> torch.Tensor:
    red, green, blue = PICTURE[:, 0:1] * scale, PICTURE[:, 1:2] * scale, PICTURE[:, 2:3] * scale
    white = torch.full_like(red, scale)
    if order == "grey":
        return 0.299 * red + 0.587 * green + 0.114 * blue
    return torch.cat({"rgba": [red, green, blue, white], "bgra": [blue, green, red, white]}[order], dim=1)


@pytest.mark.parametrize(
    ("name", "order"), [("one_channel", "grey"), ("four_channels", "rgba"), ("four_channels", "bgra")]
)
@pytest.mark.parametrize(("pixels", "scale"), [("unit", 1.0), ("byte", 255.0)])
def test_one_and_four_channels(name: str, order: str, pixels: Any, scale: float) -> None:
    found = source(name, channel_order=order, pixel_range=pixels, mean=(0.5 * scale,), std=(0.25 * scale,))
    network = getattr(awkward_networks, name)()
    assert found.module is not None
    with torch.inference_mode():
        answer = found.module(PICTURE * scale)
        wanted = network((as_taken(order, scale) - 0.5 * scale) / (0.25 * scale))
    torch.testing.assert_close(answer, wanted, rtol=1e-4, atol=1e-4)


def test_as_many_means_as_channels() -> None:
    four = {"mean": (0.1, 0.2, 0.3, 0.4), "std": (0.5, 0.5, 0.5, 1.0)}
    assert source("four_channels", channel_order="rgba", **four).module is not None
    with pytest.raises(SourceError, match="mean has 3 numbers but the network takes 1 channels"):
        source("one_channel", channel_order="grey", mean=(0.1, 0.2, 0.3))
    with pytest.raises(SourceError, match="--channel-order"):
        source("one_channel")


@pytest.mark.parametrize("format_name", ["tflite", "coreml", "onnx"])
@pytest.mark.parametrize(("name", "order"), [("one_channel", "grey"), ("four_channels", "bgra")])
def test_every_target_takes_their_channels(name: str, order: str, format_name: str, tmp_path: Path) -> None:
    given = source(name, channel_order=order, mean=(0.5,), std=(0.25,))
    (outcome,) = perform(make_plan(given, [(format_name, recipe("float32"))], output=OutputKind.LOGITS), tmp_path)
    assert outcome.artifact is not None, outcome.error
    kind = runners()[{"tflite": "litert", "coreml": "milrun", "onnx": "onnxruntime"}[format_name]]
    picture = (PICTURE[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    with kind(outcome.artifact, kind.backends[0], 1) as runner:
        found = np.asarray(runner.predict(picture))
    assert given.module is not None
    with torch.inference_mode():
        wanted = given.module(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)[0].permute(1, 2, 0)
    assert np.abs(found.reshape(wanted.shape) - wanted.numpy()).max() < 1e-3 * np.ptp(wanted.numpy())


FAST = ["--input-size", "32", "--latency-samples", "0", "--no-checks", "--examples", "0", "-t", "1"]


def test_256_classes_go_through_a_run(tmp_path: Path) -> None:
    names = tuple(f"thing {number}" for number in range(256))
    (tmp_path / "names.txt").write_text("\n".join(names))
    data = folder_dataset(tmp_path / "data", names)
    given = ["-m", f"{HERE}:bytes_of_classes", "--classes", str(tmp_path / "names.txt"), "-d", f"folder:{data}"]
    assert (
        run_command(["run", *given, "--formats", "onnx,tflite", "-r", "float32", "-o", str(tmp_path / "out"), *FAST])
        == 0
    )


def test_a_saved_program_goes_through_a_run(tmp_path: Path) -> None:
    picture = torch.zeros((1, 3, 32, 32))
    network = awkward_networks.three().eval()
    torch.export.save(torch.export.export(network, (picture,)), tmp_path / "net.pt2")
    torch.jit.trace(network, picture).save(str(tmp_path / "net.ts"))
    data = folder_dataset(tmp_path / "data", ("a", "b", "c"))
    for file in ("net.pt2", "net.ts"):
        given = [
            "-m",
            str(tmp_path / file),
            "-d",
            f"folder:{data}",
            "--formats",
            "onnx",
            "-o",
            str(tmp_path / f"{file}.out"),
        ]
        assert run_command(["run", *given, *FAST]) == 0
        if file == "net.pt2":
            assert run_command(["run", *given, *FAST, "--workers", "2", "-o", str(tmp_path / "several")]) == 0


def test_a_program_is_for_the_size_it_was_exported_at(tmp_path: Path) -> None:
    path = str(tmp_path / "net.pt2")
    torch.export.save(torch.export.export(awkward_networks.three().eval(), (PICTURE,)), path)
    assert load_source(RunOptions(model=path)).input_size == SIZE
    assert load_source(RunOptions(model=path, input_size=SIZE, input_shapes=(SIZE,))).input_shapes == (SIZE,)
    with pytest.raises(SourceError, match=r"net.pt2 was exported for 32x48; leave --input-size out"):
        load_source(RunOptions(model=path, input_size=(64, 64)))
    with pytest.raises(SourceError, match=r"net.pt2 was exported for 32x48; leave --input-shapes out"):
        load_source(RunOptions(model=path, input_shapes=(SIZE, (64, 64))))


def test_sizes_left_open_are_called_that(tmp_path: Path) -> None:
    path, side = tmp_path / "open.pt2", torch.export.Dim("height", min=8, max=512)
    network = awkward_networks.one_channel().eval()
    program = torch.export.export(network, (torch.rand(1, 1, 32, 48),), dynamic_shapes=({2: side},))
    torch.export.save(program, path)
    with pytest.raises(SourceError, match=r"open.pt2 was exported with sizes left open \(s\d+\)"):
        source(str(path))


def test_options_of_a_network_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    data = folder_dataset(tmp_path / "data", ("a", "b", "c"))
    (tmp_path / "run.toml").write_text(
        f'model = "{HERE}:one_channel"\nchannel-order = "grey"\nmean = 0.5\nstd = [0.25]\ninput-size = "32x40"\n'
        f'classes = "{tmp_path / "names.txt"}"\ndataset = "folder:{data}"\nformats = ["onnx"]\nlatency-samples = 0\n'
        "checks = false\nexamples = 0\nthreads = 1\n"
    )
    # One class everywhere is what an untrained network answers: nothing is refused, and nothing passes either.
    assert run_command(["run", "--config", str(tmp_path / "run.toml"), "-o", str(tmp_path / "out")]) == 1
    recorded = json.loads((tmp_path / "out" / "manifest.json").read_text())["options"]
    assert (recorded["channel_order"], recorded["mean"], recorded["std"]) == ("grey", [0.5], [0.25])
    assert recorded["input_size"] == [32, 40]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-m", f"{HERE}:deciding"], "decides by the pixels"),
        (["-m", f"{HERE}:training"], "training mode"),
        (["-m", f"{HERE}:not_a_number"], "NaN or infinity"),
        (["-m", f"{HERE}:one_channel"], "--channel-order"),
        (["-m", f"{HERE}:one_channel", "--channel-order", "grey", "--mean", "1,2"], "mean has 2 numbers"),
        (["-m", f"{HERE}:three", "--mean", "nan,0,0"], "mean"),
        (["-m", f"{HERE}:three", "--channel-order", "cmyk"], "channel-order"),
        (
            ["-m", f"{HERE}:uneven", "--recipes", "int8_static", "--formats", "tflite"],
            "NaN or infinity to a noisy picture",
        ),
        (
            ["-m", f"{HERE}:three", "--keep", "float32:nowhere", "--formats", "coreml", "-r", "float16"],
            "no operation is called 'nowhere'",
        ),
        (
            ["-m", f"{HERE}:three", "--keep", "float32:nowhere", "--formats", "tflite", "-r", "int8_dynamic"],
            "no operation is called 'nowhere'",
        ),
    ],
)
def test_at_the_command_line(
    arguments: list[str], says: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = folder_dataset(tmp_path / "data", ("a", "b", "c"))
    status = run_command(["run", *arguments, "-d", f"folder:{data}", "-o", str(tmp_path / "out"), *FAST])
    errors = capfd.readouterr().err
    said = [line for line in errors.splitlines() if line.startswith("segport: ")]
    assert status == 2, errors
    assert len(said) == 1
    assert says in said[0]
    assert "Traceback" not in errors


def test_a_policy_that_names_a_layer_that_is_not_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('version = 1\nrecipe = "int8_dynamic"\n[[keep]]\nlayer = "nowhere.conv"\ntype = "float16"\n')
    data = folder_dataset(tmp_path / "data", ("a", "b", "c"))
    given = ["-m", f"{HERE}:three", "--policy", str(policy), "-d", f"folder:{data}", "--formats", "tflite"]
    assert run_command(["run", *given, "-o", str(tmp_path / "out"), *FAST]) == 2
    assert "no operation is called 'nowhere.conv'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (["--max-class-drop", "0.001", "--max-miou-drop", "0.01"], "the limits contradict each other"),
        (["--max-class-drop", "2"], "fractions of IoU from 0 to 1"),
        (["--minimize", "beauty"], "write size or latency"),
    ],
)
def test_limits_of_a_search(limits: list[str], says: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(["search", *limits, "-o", str(tmp_path / "out")]) == 2
    assert says in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
