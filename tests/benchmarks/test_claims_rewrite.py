"""The forms of FP-LIIF's first pixel layer: equal to the network, convertible, and measured in two steps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks.claims.first_layer import rewrite
from benchmarks.claims.first_layer.variants import VARIANTS, variant
from benchmarks.claims.page import rewrite_table
from fpliif.deploy import deploy
from fpliif.errors import ConfigError
from fpliif.network import FPLIIF
from tests.fpliif.tiny_fpliif import scrambled, tiny_config
from toolkit.errors import UsageError

ANY_SIDE = ("one_resize", "in_bands")


@pytest.fixture(scope="module")
def network() -> FPLIIF:
    return scrambled(tiny_config())


def differences(network: FPLIIF, name: str, side: int) -> tuple[float, float]:
    """Of the form's logits from the trained and from the shipped network's, at most."""
    picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(side))
    with torch.inference_mode():
        answer = variant(name, network, side)(picture)
        others = network(picture, (side, side)), deploy(network, side, side)(picture)
        assert answer.shape == others[0].shape and float(answer.std()) > 0.5
        return tuple(float((answer - other).abs().max()) for other in others)  # type: ignore[return-value]


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("side", [16, 32])
def test_every_form_is_the_trained_and_the_shipped_network(network: FPLIIF, name: str, side: int) -> None:
    assert max(differences(network, name, side)) < 2e-4


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("side", [30, 33])
def test_sides_that_are_no_multiple_of_four_are_answered_exactly_or_refused(
    network: FPLIIF, name: str, side: int
) -> None:
    if name in ANY_SIDE:
        assert max(differences(network, name, side)) < 2e-4
    else:
        with pytest.raises(ConfigError, match="give a multiple"):
            variant(name, network, side)


@pytest.mark.parametrize("name", ["one_resize", "depth_to_space_by_channel"])
def test_files_hold_no_folded_biases_and_stay_in_one_piece(network: FPLIIF, name: str, tmp_path: Path) -> None:
    from converters import make_plan
    from converters.conversion.perform import perform
    from converters.formats.tflite.file.flatbuffer import read_model
    from quantization import recipe
    from tests.converters import small_network as small
    from tests.converters.making import artifact_of, bare_source

    side = 32
    source = bare_source(variant(name, network, side), (side, side), (side, side), network.config.classes)
    calibration = small.calibration(2, (side, side))
    plan = make_plan(source, [("tflite", recipe("int8_static"))], calibration=calibration.digest())
    artifact = artifact_of(perform(plan, tmp_path, calibration)[0])
    assert rewrite._pieces(artifact.path) == 1
    tensors = read_model(artifact.path).graphs[0].tensors
    assert not [item.name for item in tensors if item.constant_bytes and item.shape.count(side) > 1]


def count(total: int) -> dict[str, Any]:
    return {"status": "counted", "reason": "", "total": total}


def form(title: str, **changes: Any) -> dict[str, Any]:
    row = {
        "title": title,
        "sha256": title,
        "bytes": 2_650_000,
        "multiply_adds": 35_300_000_000,
        "activation_bytes": 34_300_000,
        "pieces": 1,
        "parity": {"largest_difference": 3e-5, "same_class": 1.0},
        "int8": {"miou": 0.8, "mean_f1": 0.9},
        "instructions": {"cortex-a76": count(3_249_000_000), "max": count(2_000_000_000)},
        "latency": None,
        "profile": None,
    }
    return row | changes


def part(**changes: Any) -> dict[str, Any]:
    rows = {"joined": form("as trained"), "rewritten": form("shipped")}
    rows |= {name: form(title) for name, (title, _) in VARIANTS.items()}
    rows |= {name: rows[name] | change for name, change in changes.items()}
    return {"images": 100, "parity_images": 8, "pixels": 524288, "largest_logit": 99.1, "rows": rows}


def test_the_page_prints_every_form_and_a_dash_for_what_was_not_timed() -> None:
    text = rewrite_table({"rewrite": part(joined={"latency": {"p50": 195.9}})})
    assert "| as trained | 35.30 G | 2.65 MB | 34.3 MB | 1 | 3.249 G | 2.000 G | 195.9 ms |" in text
    for title, _ in VARIANTS.values():
        assert f"| {title} | 35.30 G | 2.65 MB | 34.3 MB | 1 | 3.249 G | 2.000 G | – |" in text
        assert f"| {title} | 3.0e-05 | 100.0000 % | 0.8000 |" in text
    assert "rewrite --time" in text and "Longest operations" not in text


def test_the_page_says_what_was_not_counted_and_where_time_goes() -> None:
    missing = {"status": "not_run", "reason": "no machine", "total": 0}
    profile = {"status": "measured", "reason": "", "operations": [{"name": "a#1", "kind": "GEMM", "share": 0.5}]}
    timed = {"latency": {"p50": 1.0}, "profile": profile, "instructions": {"cortex-a76": missing, "max": missing}}
    text = rewrite_table({"rewrite": part(**dict.fromkeys(part()["rows"], timed))})
    assert "| not run | not run | 1.0 ms |" in text and text.count("Not run: no machine.") == 1
    assert "| a#1 (GEMM) | 50.0 % | a#1 (GEMM) | 50.0 % |" in text
    assert "--time" not in text


def test_times_stay_with_the_file_they_were_measured_of() -> None:
    before = part(joined={"latency": {"p50": 2.0}, "profile": {}})
    same, other = SimpleNamespace(sha256="as trained"), SimpleNamespace(sha256="new")
    assert rewrite._times_before(before, "joined", same) == {"latency": {"p50": 2.0}, "profile": {}}  # type: ignore[arg-type]
    assert rewrite._times_before(before, "joined", other) == {"latency": None, "profile": None}  # type: ignore[arg-type]
    assert rewrite._times_before({}, "joined", same) == {"latency": None, "profile": None}  # type: ignore[arg-type]


def test_times_are_added_to_what_is_known_and_to_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    known = part()
    told: list[str] = []
    monkeypatch.setattr(rewrite, "first_layer_forms", lambda: {name: name for name in known["rows"]})
    monkeypatch.setattr(
        rewrite, "int8_artifact", lambda name, work: SimpleNamespace(sha256=known["rows"][name]["sha256"])
    )
    monkeypatch.setattr(rewrite, "sampled_in_turns", lambda artifacts, *_: {name: {"p50": 1.0} for name in artifacts})
    monkeypatch.setattr(rewrite, "_profile", lambda artifact: {"status": "measured"})
    timed = rewrite.measure_times(1.0, Path("work"), known, told.append)
    for name, row in known["rows"].items():
        assert timed["rows"][name] == row | {"latency": {"p50": 1.0}, "profile": {"status": "measured"}}
    assert {**timed, "rows": {}} == {**known, "rows": {}}
    for other in ({}, part(joined={"sha256": "another file"})):
        with pytest.raises(UsageError, match="without --time first"):
            rewrite.measure_times(1.0, Path("work"), other, told.append)
