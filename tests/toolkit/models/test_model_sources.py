"""Whatever form a network takes its picture in and answers in, the source computes exactly what it would."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from converters import ModelSource, OutputKind, SourceError, make_plan
from converters.conversion.perform import perform
from fpliif.errors import CheckpointError
from quantization import recipe
from tests.toolkit.cli.test_bad_input import Executes
from tests.toolkit.models.awkward_networks import MEAN, SIZE, STD, Core
from toolkit.errors import UsageError
from toolkit.models import load_source
from toolkit.options import RunOptions
from validation.runners import runners

HERE = "tests.toolkit.models.awkward_networks"
PICTURE = torch.rand((1, 3, *SIZE), generator=torch.Generator().manual_seed(1))


def source(name: str, **options: Any) -> ModelSource:
    return load_source(RunOptions(model=name if "/" in name else f"{HERE}:{name}", input_size=SIZE, **options))


def answer(given: ModelSource) -> torch.Tensor:
    assert given.module is not None
    with torch.inference_mode():
        logits: torch.Tensor = given.module(PICTURE)
    return logits


def expected(normalised: bool = False, classes: int = 4) -> torch.Tensor:
    picture = PICTURE
    if normalised:
        picture = (picture - torch.tensor(MEAN)[None, :, None, None]) / torch.tensor(STD)[None, :, None, None]
    with torch.inference_mode():
        logits: torch.Tensor = Core(classes)(picture)
    return logits


@pytest.mark.parametrize("name", ["plain", "as_tuple", "mapping", "attribute"])
def test_logits_are_found_where_networks_keep_them(name: str) -> None:
    found = source(name)
    assert found.output_size == (SIZE[0] // 2, SIZE[1] // 2)
    assert len(found.classes) == 4
    torch.testing.assert_close(answer(found), expected(), rtol=0, atol=0)


def test_several_maps_without_a_usual_name_have_to_be_chosen() -> None:
    with pytest.raises(SourceError, match=r"first .*second .*--answer"):
        source("unusual")
    torch.testing.assert_close(answer(source("unusual", answer="second")), expected(), rtol=0, atol=0)
    assert len(source("as_tuple", answer="1").classes) == 2
    with pytest.raises(SourceError, match="no map of logits called 'third'"):
        source("unusual", answer="third")


def test_normalisation_goes_into_the_source() -> None:
    found = source("plain", mean=MEAN, std=STD)
    torch.testing.assert_close(answer(found), expected(normalised=True), rtol=1e-5, atol=1e-5)


def test_mean_and_std_are_in_the_networks_own_channel_order() -> None:
    found = source("channels_last_bgr", channel_order="bgr", model_layout="nhwc", mean=MEAN[::-1], std=STD[::-1])
    torch.testing.assert_close(answer(found), expected(normalised=True), rtol=1e-5, atol=1e-5)
    assert found.output_size == (SIZE[0] // 2, SIZE[1] // 2)


def test_a_binary_head_becomes_two_classes_with_the_same_probability() -> None:
    found = source("binary")
    logits = answer(found)
    assert found.classes == ("class_0", "class_1")
    torch.testing.assert_close(logits.softmax(1)[:, 1:], expected(classes=1).sigmoid())


@pytest.mark.parametrize(
    ("how", "same"),
    [
        ("bilinear", {"mode": "bilinear", "align_corners": False}),
        ("bilinear-corners", {"mode": "bilinear", "align_corners": True}),
        ("nearest", {"mode": "nearest"}),
    ],
)
def test_logits_are_resized_inside_where_asked(how: Any, same: dict[str, Any]) -> None:
    found = source("plain", upsample=how)
    assert found.output_size == SIZE
    torch.testing.assert_close(answer(found), F.interpolate(expected(), size=SIZE, **same))
    assert source("plain", output_size=(20, 20)).output_size == (20, 20)


def test_what_is_put_around_a_network_changes_its_fingerprint() -> None:
    marks = {
        source("plain", **options).weights_sha256
        for options in (
            {},
            {"mean": MEAN},
            {"std": STD},
            {"channel_order": "bgr"},
            {"upsample": "bilinear"},
            {"upsample": "nearest"},
        )
    }
    assert len(marks) == 6
    assert source("plain").weights_sha256 == source("plain").weights_sha256


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("flat", {}, r"logits \(1, classes, h, w\)"),
        ("dropping", {}, "dropout"),
        ("failing", {}, r"in head .*mend the network there"),
        ("half", {}, "float64"),
        ("crowded", {}, "300 classes"),
        ("channels_last_bgr", {}, "AssertionError"),
        ("plain", {"std": (0.2, 0.0, 0.2)}, "above 0"),
    ],
)
def test_networks_that_cannot_be_used_say_why(name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(SourceError, match=says):
        source(name, **options)


def test_options_of_foreign_networks_are_refused_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--mean"):
        load_source(RunOptions(mean=MEAN))
    with pytest.raises(UsageError, match="--weights"):
        load_source(RunOptions(weights=tmp_path / "net.safetensors"))


def exported(path: Path) -> Path:
    torch.export.save(torch.export.export(Core().eval(), (PICTURE,)), path)
    return path


def test_torchscript_and_exported_programs(tmp_path: Path) -> None:
    torch.jit.trace(Core().eval(), PICTURE).save(str(tmp_path / "traced.pt"))
    torch.jit.script(Core().eval()).save(str(tmp_path / "scripted.ts"))
    for path in (tmp_path / "traced.pt", tmp_path / "scripted.ts", exported(tmp_path / "net.pt2")):
        found = source(str(path))
        assert found.name == path.stem
        assert found.parameters == sum(parameter.numel() for parameter in Core().parameters())
        torch.testing.assert_close(answer(found), expected(), rtol=1e-6, atol=1e-6)


def rewritten(path: Path, ending: str, change: Any) -> Path:
    """A copy of an archive with one of its files changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            data = before.read(name)
            after.writestr(name, change(data) if name.endswith(ending) else data)
    changed = path.with_stem(f"{path.stem}-changed")
    changed.write_bytes(out.getvalue())
    return changed


def test_an_exported_program_never_runs_code(tmp_path: Path) -> None:
    whole, proof = exported(tmp_path / "net.pt2"), tmp_path / "executed"
    assert answer(source(str(rewritten(whole, "nothing", bytes)))).shape[1] == 4  # the copying itself is sound

    def foreign_function(data: bytes) -> bytes:
        return data.replace(b"torch.ops.aten.hardswish.default", b"torch.hub.load")

    def evaluated(data: bytes) -> bytes:
        return json.dumps({**json.loads(data), "guards_code": [f"open({str(proof)!r}, 'w')"]}).encode()

    def opaque(data: bytes) -> bytes:
        return json.dumps({"config": {"thing": {"path_name": "opaque_obj_0", "use_pickle": True}}}).encode()

    def pickled(data: bytes) -> bytes:
        return pickle.dumps(Executes(proof))

    for ending, change, says in (
        ("models/model.json", foreign_function, "torch.hub.load"),
        ("models/model.json", evaluated, "guards_code"),
        ("model_constants_config.json", opaque, "opaque_obj_0"),
        ("sample_inputs/model.pt", pickled, "contains more than tensors and would run code when read"),
    ):
        with pytest.raises(SourceError, match=says) as caught:
            source(str(rewritten(whole, ending, change)))
        assert "weights_only" not in str(caught.value)
    assert not proof.exists()


def test_damaged_graphs(tmp_path: Path) -> None:
    whole = exported(tmp_path / "net.pt2").read_bytes()
    (tmp_path / "cut.pt2").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"cut.pt2 is not a usable"):
        source(str(tmp_path / "cut.pt2"))
    with pytest.raises(SourceError, match="does not exist"):
        source(str(tmp_path / "nowhere.pt2"))


def adapted(folder: Path) -> ModelSource:
    return source(
        "channels_last_bgr",
        channel_order="bgr",
        model_layout="nhwc",
        mean=MEAN[::-1],
        std=STD[::-1],
        upsample="bilinear",
    )


def traced(folder: Path) -> ModelSource:
    torch.jit.trace(Core().eval(), PICTURE).save(str(folder / "traced.pt"))
    return source(str(folder / "traced.pt"), mean=MEAN, std=STD)


def exported_program(folder: Path) -> ModelSource:
    return source(str(exported(folder / "net.pt2")), upsample="bilinear")


@pytest.mark.parametrize("format_name", ["tflite", "coreml", "onnx"])
@pytest.mark.parametrize("make", [adapted, traced, exported_program])
def test_every_kind_of_source_converts_and_answers_alike(make: Any, format_name: str, tmp_path: Path) -> None:
    given = make(tmp_path)
    plan = make_plan(given, [(format_name, recipe("float32"))], output=OutputKind.LOGITS)
    (outcome,) = perform(plan, tmp_path / "artifacts")
    assert outcome.artifact is not None, outcome.error
    name = {"tflite": "litert", "coreml": "milrun", "onnx": "onnxruntime"}[format_name]
    picture = (PICTURE[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    with runners()[name](outcome.artifact, runners()[name].backends[0], 1) as runner:
        found = runner.predict(picture)
    assert given.module is not None
    with torch.inference_mode():
        wanted = (
            given.module(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)[0].permute(1, 2, 0).numpy()
        )
    assert np.abs(np.asarray(found).reshape(wanted.shape) - wanted).max() < 1e-3 * np.ptp(wanted)


def test_a_factory_that_fails_is_named_with_its_line() -> None:
    from tests.toolkit.models import awkward_networks

    lines = Path(str(awkward_networks.__file__)).read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "raise LookupError" in text)
    with pytest.raises(SourceError, match=rf"weights is empty \(.*awkward_networks.py, line {line}\)\); it must be"):
        source("raising")
    with pytest.raises(SourceError, match=r"No module named 'nowhere', looked for in .* and on Python's path\)"):
        load_source(RunOptions(model="nowhere.nets:build"))
    with pytest.raises(SourceError, match=r"AttributeError: module '[\w.]*' has no attribute 'nobody'\)"):
        source("nobody")


def test_weights_that_are_none_or_alone(tmp_path: Path) -> None:
    torch.save(Core().state_dict(), tmp_path / "net.pt")
    with pytest.raises(
        UsageError, match=r"net.pt holds tensors without a network.*--model .*:factory --weights .*net.pt"
    ):
        source(str(tmp_path / "net.pt"))
    with pytest.raises(
        CheckpointError, match=r"is a folder; give the path of a .safetensors file or of a torch state dict"
    ):
        source("plain", weights=tmp_path)
    with pytest.raises(
        CheckpointError, match=r"missing.pt does not exist; give the path of a .safetensors file or of a torch"
    ):
        source("plain", weights=tmp_path / "missing.pt")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_class_list_of_any_editor_names_the_classes(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_bytes("Hintergrund\r\nStraße\r\n\r\nfa\u00e7ade\r\nsky\r\n".encode(encoding))
    assert source("plain", classes=tmp_path / "names.txt").classes == ("Hintergrund", "Straße", "façade", "sky")
