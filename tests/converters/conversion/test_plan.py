"""Plans: what they refuse, which route they choose, and what their keys depend on."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from converters import OutputKind, PixelRange, SourceError, converter, converters, make_plan
from converters import formats as converter_registry
from converters.contract import Converter
from converters.source import ModelSource
from quantization import AccuracyLimits, Granularity, recipe
from tests.converters import small_network as small

FLOAT32, STATIC = recipe("float32"), recipe("int8_static")
DIGEST = "c" * 64


def key(source: ModelSource, **options: Any) -> str:
    settings: dict[str, Any] = {"wanted": [("tflite", STATIC)], "calibration": DIGEST} | options
    (conversion,) = make_plan(source, settings.pop("wanted"), **settings).conversions
    return conversion.key


def test_plan_names_what_will_be_made(source: ModelSource) -> None:
    plan = make_plan(source, [("onnx", FLOAT32), ("tflite", STATIC)], calibration=DIGEST)
    first, second = plan.conversions
    assert (first.name, first.route, first.calibration) == ("onnx-float32", "torch", None)
    assert (second.name, second.route, second.calibration) == ("tflite-int8_static", "litert-torch", DIGEST)
    assert dict(second.tools)["litert-torch"] == "0.10.0"


@pytest.mark.parametrize(
    ("wanted", "options", "message"),
    [
        ([("tflight", FLOAT32)], {}, r"no format is named 'tflight'; choose from: coreml, onnx, tflite"),
        ([("onnx", STATIC)], {"calibration": DIGEST}, "does not exist for onnx; it is for: tflite"),
        ([("tflite", STATIC)], {}, "needs calibration images"),
        (
            [("tflite", FLOAT32)],
            {"routes": {"tflite": "magic"}},
            "no route 'magic'; choose from: litert-torch, onnx2tf",
        ),
        ([("onnx", FLOAT32)], {"routes": {"onnx": "copy"}}, "does not start from a torch network"),
        ([("tflite", FLOAT32), ("tflite", FLOAT32)], {}, "asked for twice"),
    ],
)
def test_impossible_plans_are_refused(source: ModelSource, wanted: Any, options: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        make_plan(source, wanted, **options)


def test_key_depends_on_everything_that_decides_the_content(source: ModelSource) -> None:
    keys = [
        key(source),
        key(source, output=OutputKind.LABELS),
        key(source, calibration="d" * 64),
        key(source, routes={"tflite": "onnx2tf"}),
        key(source, wanted=[("tflite", FLOAT32)]),
        key(source, wanted=[("tflite", replace(STATIC, granularity=Granularity.PER_TENSOR))]),
        key(replace(source, weights_sha256="1" * 64)),
        key(replace(source, input_size=(32, 32))),
        key(replace(source, pixel_range=PixelRange.BYTE)),
        key(replace(source, classes=small.CLASSES[::-1])),
    ]
    assert len(set(keys)) == len(keys)


def test_key_does_not_depend_on_gates_or_words(source: ModelSource) -> None:
    reworded = replace(STATIC, summary="another summary of it", limits=AccuracyLimits(0.5, 0.5), on_request=True)
    assert key(source, wanted=[("tflite", reworded)]) == key(source)


def test_key_depends_on_the_tools_versions(source: ModelSource, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(source)
    monkeypatch.setattr("converters.conversion.plan.version", lambda package: "99.0")
    assert key(source) != before


def test_two_converters_of_one_format_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(converter("onnx")), "format", "coreml")
    with pytest.raises(SourceError, match="two converters write 'coreml'"):
        converter_registry.converters.__wrapped__()


def test_every_converter_states_what_it_writes_with() -> None:
    for name, target in converters().items():
        assert target.format == name and target.suffix.startswith(".") and target.routes
        for route in target.routes:
            assert target.tools(route)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"module": None}, "either a torch module or an ONNX file"),
        ({"colours": ((0, 0, 0),)}, "5 classes but 1 colours"),
    ],
)
def test_contradictory_sources_are_refused(source: ModelSource, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        replace(source, **changes)


def test_a_converter_that_takes_no_job_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Earlier(Converter):
        format, suffix, routes = "earlier", ".old", ("only",)

        def tools(self, route: str) -> tuple[str, ...]:
            return ()

        def default_route(self, source: ModelSource) -> str:
            return "only"

        def convert(self, source: Any, conversion: Any, destination: Any) -> Any:  # type: ignore[override]
            raise AssertionError

    offered = SimpleNamespace(load=Earlier, value="theirs:CONVERTER")
    monkeypatch.setattr(converter_registry, "entry_points", lambda group: [offered])
    with pytest.raises(SourceError, match="'theirs:CONVERTER' is made for another version of segport"):
        converter_registry.converters.__wrapped__()
