"""The lint finds what is known not to be taken, where a graph splits, and what avoids it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converters.errors import SourceError
from converters.lint.graph import LintGraph, Step, Value
from converters.lint.linting import LintReport, lint
from converters.lint.partition import partition
from converters.lint.target import targets
from tests.converters.formats.tflite.tf_networks import MIDDLES, make
from toolkit.cli import run_command
from toolkit.document.shape import ArtifactEntry, VerdictEntry
from toolkit.run_folder.folder import RunFolder
from toolkit.stages.lint import with_lint


def reports(path: Path) -> dict[str, LintReport]:
    return {report.target: report for report in lint(path)}


def pieces_in_litert(path: Path) -> int:
    """How many pieces the XNNPACK of the installed LiteRT really makes of a file."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    return sum(item["op_name"] == "DELEGATE" for item in interpreter._get_ops_details())


@pytest.mark.parametrize("name", MIDDLES)
def test_xnnpack_splits_eight_bit_networks_where_the_lint_says(name: str, tmp_path: Path) -> None:
    path = make(tmp_path, MIDDLES[name], int8=True)
    assert reports(path)["xnnpack"].partitions == pieces_in_litert(path)


@pytest.mark.parametrize(
    "name", ["nothing", "nearest", "gather", "softmax", "exp", "every second", "five axes", "five joined", "six joined"]
)
def test_xnnpack_splits_float_networks_where_the_lint_says(name: str, tmp_path: Path) -> None:
    path = make(tmp_path, MIDDLES[name])
    assert reports(path)["xnnpack"].partitions == pieces_in_litert(path)


def test_nearest_neighbours_split_an_eight_bit_graph_in_two(tmp_path: Path) -> None:
    found = reports(make(tmp_path, MIDDLES["nearest"], int8=True))["xnnpack"]
    assert (found.operations, found.taken, found.partitions) == (5, 4, 2)
    assert found.between == ({"RESIZE_NEAREST_NEIGHBOR": 1},)
    assert found.sentence == "XNNPACK: takes 4 of 5 operations in 2 pieces; left to the CPU: 1 RESIZE_NEAREST_NEIGHBOR"
    (reason,) = found.findings
    assert reason.operations == {"RESIZE_NEAREST_NEIGHBOR": 1}
    assert "resize bilinearly" in reason.rewrite
    assert reason.source.endswith("xnnpack_delegate.cc")


def test_a_label_map_is_not_for_the_gpu(tmp_path: Path) -> None:
    found = reports(make(tmp_path, MIDDLES["nothing"], labels=True))["tflite-gpu"]
    assert found.between == ({"ARG_MAX": 1},)
    assert found.partitions == 1
    assert found.findings[0].rewrite == "answer with logits (--output logits) and take the largest in the app"
    assert found.findings[0].source.endswith("gpu_compatibility.cc")


@pytest.mark.parametrize(
    ("name", "left", "words"),
    [
        ("five axes", {"RESHAPE": 2, "TRANSPOSE": 1}, "four axes at most"),
        ("outer product", {"MUL": 1}, "broadcast along another axis"),
        ("reverse", {"REVERSE_V2": 1}, "does not take it"),
        ("batch to space", {"SPACE_TO_BATCH_ND": 1, "BATCH_TO_SPACE_ND": 1}, "does not take it"),
    ],
)
def test_the_gpu_leaves_what_its_source_says(name: str, left: dict[str, int], words: str, tmp_path: Path) -> None:
    found = reports(make(tmp_path, MIDDLES[name]))["tflite-gpu"]
    assert found.between == (left,)
    assert found.partitions == 2
    assert any(words in item.reason for item in found.findings)


@pytest.mark.parametrize("name", ["nothing", "nearest", "bilinear", "average pool", "softmax", "mean", "tanh"])
def test_the_gpu_takes_what_its_source_says(name: str, tmp_path: Path) -> None:
    found = reports(make(tmp_path, MIDDLES[name]))["tflite-gpu"]
    assert found.taken == found.operations
    assert "in one piece" in found.sentence


def test_integer_accelerators_take_no_floats(tmp_path: Path) -> None:
    found = reports(make(tmp_path, MIDDLES["bilinear"]))["nnapi-int8"]
    assert (found.taken, found.partitions) == (0, 0)
    assert found.findings[0].operations == {"CONV_2D": 2, "RESIZE_BILINEAR": 1}
    assert "int8_static" in found.findings[0].rewrite
    assert found.findings[0].source.startswith("https://coral.ai/")


def test_integer_accelerators_and_operations_that_nnapi_has_in_floats_only(tmp_path: Path) -> None:
    found = reports(make(tmp_path, MIDDLES["abs"], int8=True))["nnapi-int8"]
    assert (found.partitions, found.between) == (2, ({"ABS": 1},))
    assert found.findings[0].reason == "NNAPI has it for floats only"
    whole = reports(make(tmp_path, MIDDLES["bilinear"], int8=True))["nnapi-int8"]
    assert (whole.taken, whole.partitions) == (5, 1)
    assert [item.splits for item in whole.findings] == [False]
    assert "Android 10" in whole.findings[0].reason


def core_ml(path: Path, precision: str) -> Path:
    """A dilated convolution between two others, and a gather at the end."""
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    weights = np.ones((4, 4, 3, 3), np.float32)

    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 4, 16, 16))], opset_version=ct.target.iOS16)
    def program(x: Any) -> Any:
        x = mb.conv(x=x, weight=weights, pad_type="same")
        x = mb.conv(x=x, weight=weights, pad_type="same", dilations=[2, 2])
        x = mb.conv(x=x, weight=weights, pad_type="same")
        return mb.gather(x=x, indices=[0, 2], axis=1)

    model = ct.convert(
        program,
        convert_to="mlprogram",
        compute_precision=getattr(ct.precision, precision),
        minimum_deployment_target=ct.target.iOS16,
    )
    model.save(str(path))
    return path


def test_the_neural_engine(tmp_path: Path) -> None:
    (found,) = lint(core_ml(tmp_path / "half.mlpackage", "FLOAT16"))
    assert found.target == "neural-engine"
    assert [piece.get("conv", 0) + piece.get("gather", 0) for piece in found.between] == [1, 1]
    assert found.partitions >= 2
    reasons = {reason for item in found.findings for reason in [item.reason]}
    assert "dilated convolutions are known not to run there" in reasons
    assert "gathers are known not to run there" in reasons
    assert all(item.source.endswith("unsupported-layers.md") for item in found.findings)
    assert "Apple publishes no list" in found.caveat


def test_the_neural_engine_takes_no_32_bit_floats(tmp_path: Path) -> None:
    (found,) = lint(core_ml(tmp_path / "full.mlpackage", "FLOAT32"))
    assert found.taken == 0
    assert any("32-bit floats" in item.reason and "typed-execution" in item.source for item in found.findings)


def chain(*pairs: tuple[str, str, str]) -> LintGraph:
    """A graph of (operation, what it reads, what it writes); ``in`` is given."""
    steps = tuple(
        Step(op, tuple(Value(name, "float32", ()) for name in reads.split()), (Value(writes, "float32", ()),))
        for op, reads, writes in pairs
    )
    return LintGraph("tflite", steps, ("in",))


def test_a_branch_joins_the_piece_that_runs_when_all_it_reads_is_there() -> None:
    """b waits for the CPU's x; c does not, and runs in the first piece although it stands behind both."""
    graph = chain(("a", "in", "A"), ("x", "A", "X"), ("b", "X", "B"), ("c", "A", "C"), ("d", "B C", "D"))
    parts = partition(graph, [True, False, True, True, True])
    assert [(part.taken, part.places) for part in parts] == [(True, (0, 3)), (False, (1,)), (True, (2, 4))]


def test_a_graph_that_is_not_taken_at_the_start_begins_on_the_cpu() -> None:
    graph = chain(("x", "in", "X"), ("a", "X", "A"))
    assert [part.taken for part in partition(graph, [False, True])] == [False, True]


def test_an_operation_that_reads_nothing_known_is_an_error() -> None:
    with pytest.raises(SourceError, match="which nothing before it writes"):
        chain(("a", "nowhere", "A"))


def test_every_rule_says_why_what_instead_and_where_it_is_written() -> None:
    assert set(targets()) == {"neural-engine", "nnapi-int8", "tflite-gpu", "xnnpack"}
    for target in targets().values():
        assert target.source.startswith("https://")
        assert target.caveat
        assert target.takes is None or not set(target.rewrites) & target.takes
        for rule in target.rules:
            assert rule.source.startswith("https://")
            assert rule.reason
            assert rule.rewrite
            assert target.takes is None or rule.ops <= target.takes


def test_at_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path, MIDDLES["nearest"], int8=True)
    assert run_command(["inspect", str(path), "--lint"]) == 0
    shown = capsys.readouterr().out
    assert "XNNPACK: takes 4 of 5 operations in 2 pieces" in shown
    assert "instead: resize bilinearly" in shown
    assert run_command(["inspect", str(path), "--lint", "--json"]) == 0
    found = {item["target"]: item for item in json.loads(capsys.readouterr().out)}
    assert found["xnnpack"]["between"] == [{"RESIZE_NEAREST_NEIGHBOR": 1}]
    assert run_command(["inspect", str(tmp_path / "none.tflite"), "--lint"]) == 2
    assert "does not exist" in capsys.readouterr().err


def entry(name: str, path: str | None) -> ArtifactEntry:
    verdict = VerdictEntry(status="not_run", reasons=[])
    return ArtifactEntry(
        name=name, format="tflite", recipe="float32", path=path, sha256=None, size_bytes=None, runs=[], verdict=verdict
    )


def test_a_file_the_lint_cannot_read_does_not_cost_a_run_its_report(tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"    TFL3 and nothing else")
    entries = [entry("bad", "bad.tflite"), entry("never made", None)]
    bad, never = with_lint(entries, RunFolder(tmp_path))
    assert bad.lint == []
    assert "damaged" in bad.lint_reason
    assert never == entries[1]
