"""Two routes to TFLite: where the first fails, or makes a file that computes something else, the other makes the
artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import nn

from converters import ConversionError, ModelSource, make_plan
from converters.conversion.perform import Outcome, perform
from converters.formats.tflite.float_file import float_graph
from quantization import recipe
from tests.converters import small_network as small
from tests.converters.making import artifact_of, bare_source
from toolkit.document.caveats import warnings_of
from toolkit.document.shape import ArtifactEntry, ReferenceEntry, VerdictEntry

SIZE = (16, 24)


def normed() -> ModelSource:
    """Instance norms without weights of their own: their scale is a constant node in ONNX."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.InstanceNorm2d(6), nn.PReLU(), nn.Conv2d(6, 4, 1))
    return bare_source(network.eval(), SIZE, SIZE, 4)


def made(source: ModelSource, folder: Path, *names: str, route: str | None = None) -> list[Outcome]:
    routes = {"tflite": route} if route else None
    return perform(make_plan(source, [("tflite", recipe(name)) for name in names], routes=routes), folder)


def failing(error: Exception) -> Any:
    def convert(*_: Any) -> None:
        raise error

    return convert


def zeros(source: ModelSource, _output: Any, path: Path) -> None:
    """A converter that is wrong: another network's file."""
    import litert_torch

    from converters import OutputKind
    from converters.torch_sources.heads import ChannelsLast

    assert source.module is not None
    wrong = nn.Sequential(nn.Conv2d(3, len(source.classes), 1))
    sample = {"image": torch.rand((1, *source.input_size, 3))}
    litert_torch.convert(ChannelsLast(wrong, OutputKind.LOGITS).eval(), sample_kwargs=sample).export(str(path))


@pytest.mark.parametrize(
    ("replacement", "says"),
    [
        (failing(ValueError("no lowering for this\n\na stack")), "no lowering for this"),
        (zeros, "computes something else than the source"),
    ],
)
def test_the_other_route_makes_what_the_first_cannot(
    replacement: Any, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(float_graph, "_from_torch", replacement)
    source = normed()
    artifacts = [artifact_of(outcome) for outcome in made(source, tmp_path, "float32", "int8_dynamic")]
    for artifact in artifacts:
        assert artifact.provenance["route"] == "onnx2tf"
        assert says in artifact.provenance["instead of"] and "litert-torch" in artifact.provenance["instead of"]
        assert "onnx2tf version" in artifact.provenance and "litert-torch version" not in artifact.provenance
    image = small.test_image(source)
    found = Interpreter(model_path=str(artifacts[0].path)).get_signature_runner()(image=image)["logits"]
    np.testing.assert_allclose(found, small.torch_logits(source, image), rtol=0, atol=1e-4)
    entries = [
        ArtifactEntry(**{**item.to_json(tmp_path), "verdict": VerdictEntry(status="not_run", reasons=[]), "runs": []})
        for item in artifacts
    ]
    reference = ReferenceEntry(runner="torch", miou=None, mean_f1=None, per_class_iou={}, latency_ms=None)
    (warning,) = warnings_of(entries, reference)
    assert warning.startswith("tflite-float32, tflite-int8_dynamic came through onnx2tf instead of litert-torch (")


def test_a_route_that_was_asked_for_has_no_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(float_graph, "_from_torch", failing(ValueError("no lowering")))
    (outcome,) = made(normed(), tmp_path, "float32", route="litert-torch")
    assert isinstance(outcome.error, ConversionError) and "onnx2tf" not in str(outcome.error)


def test_when_both_fail_both_reasons_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(float_graph, "_from_torch", failing(ValueError("no lowering")))
    monkeypatch.setattr(float_graph, "onnx_to_tflite", failing(ConversionError("no such layer")))
    outcomes = made(normed(), tmp_path, "float32", "float16")
    for outcome in outcomes:
        said = str(outcome.error)
        assert "through litert-torch: ValueError: no lowering; nor through onnx2tf: no such layer" in said
    assert not list(tmp_path.glob("*.tflite"))


def test_the_first_route_makes_what_it_can(tmp_path: Path) -> None:
    (outcome,) = made(normed(), tmp_path, "float32")
    provenance = artifact_of(outcome).provenance
    assert provenance["route"] == "litert-torch" and "instead of" not in provenance


def test_other_routes_are_part_of_the_key() -> None:
    source = normed()
    free, bound = (
        make_plan(source, [("tflite", recipe("float32"))], routes=routes).conversions[0]
        for routes in (None, {"tflite": "litert-torch"})
    )
    assert (free.route, free.others, bound.others) == ("litert-torch", ("onnx2tf",), ())
    assert free.key != bound.key
