"""Damaged, incomplete and strange packages: one clear sentence, never a crash, a hang, or another kind of exception."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from validation.milrun import (
    ExecutionError,
    Interpreter,
    MilRunError,
    ModelFileError,
    UnsupportedOpError,
)
from validation.milrun.file.schema import model_class
from validation.milrun.file.size_limits import MAX_ELEMENTS

from . import fuzz
from .building import PixelNet, convert, seeded

ct = pytest.importorskip("coremltools")
SHAPE = (1, 3, 16, 16)
SPECIFICATION = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = convert(seeded(PixelNet, 4, 16), SHAPE, compute_precision=ct.precision.FLOAT16)
    path = tmp_path_factory.mktemp("original") / "net.mlpackage"
    model.save(str(path))
    return path


@pytest.fixture
def package(original: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "net.mlpackage"
    shutil.copytree(original, copy)
    return copy


def _one_sentence(error: MilRunError) -> bool:
    text = str(error)
    return 10 < len(text) < 600 and "\n" not in text and "Traceback" not in text


def _edit(package: Path, change: Any) -> None:
    """Apply `change` to the parsed specification and write it back."""
    file = package / SPECIFICATION
    model = model_class().FromString(file.read_bytes())
    change(model)
    file.write_bytes(model.SerializeToString())


def _block(model: Any) -> Any:
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    return block


def _operation(model: Any, kind: str) -> Any:
    return next(op for op in _block(model).operations if op.type == kind)


@pytest.mark.parametrize("missing", [".", "Manifest.json", str(SPECIFICATION), str(WEIGHTS)])
def test_missing_parts(package: Path, missing: str) -> None:
    target = package / missing
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    with pytest.raises(ModelFileError) as caught:
        Interpreter(package)
    assert caught.value.exit_code == 2
    assert _one_sentence(caught.value)


@pytest.mark.parametrize("part", ["Manifest.json", str(SPECIFICATION), str(WEIGHTS)])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_truncated_parts(package: Path, part: str, share: float) -> None:
    file = package / part
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(MilRunError) as caught:
        Interpreter(package).predict({"x": np.zeros(SHAPE, np.float32)})
    assert caught.value.exit_code == 2
    assert _one_sentence(caught.value)


def test_unknown_operation_names_its_neighbours(package: Path) -> None:
    _edit(package, lambda model: setattr(_operation(model, "relu"), "type", "relu7"))
    with pytest.raises(UnsupportedOpError, match=r"'relu7'.*relu6") as caught:
        Interpreter(package)
    assert caught.value.exit_code == 4


def test_operation_newer_than_the_program(package: Path) -> None:
    _edit(package, lambda model: setattr(_operation(model, "relu"), "type", "slice_update"))
    with pytest.raises(UnsupportedOpError, match="from iOS18 on"):
        Interpreter(package)


def test_unknown_opset(package: Path) -> None:
    _edit(package, lambda model: setattr(model.mlProgram.functions["main"], "opset", "CoreML99"))
    with pytest.raises(ModelFileError, match=r"CoreML99.*CoreML8"):
        Interpreter(package)


def test_no_such_function(package: Path) -> None:
    with pytest.raises(ModelFileError, match="no function 'other'; choose from: main"):
        Interpreter(package, function="other")


def test_not_an_ml_program(tmp_path: Path) -> None:
    file = tmp_path / "net.mlmodel"
    file.write_bytes(model_class()(specificationVersion=1).SerializeToString())
    with pytest.raises(ModelFileError, match="no ML Program"):
        Interpreter(file)


def test_something_else_altogether() -> None:
    with pytest.raises(ModelFileError, match="path"):
        Interpreter(17)


@pytest.mark.parametrize("name", ["@model_path/../../secret", "/etc/passwd", "@model_path/weights/\0"])
def test_weights_outside_the_package_are_refused(package: Path, name: str) -> None:
    def move(model: Any) -> None:
        for op in _block(model).operations:
            if op.attributes["val"].HasField("blobFileValue"):
                op.attributes["val"].blobFileValue.fileName = name

    _edit(package, move)
    with pytest.raises(ModelFileError):
        Interpreter(package)


@pytest.mark.parametrize("size", [MAX_ELEMENTS * 2, 2**39, 2**63])
def test_hostile_sizes_are_refused_before_anything_is_allocated(package: Path, size: int) -> None:
    def grow(model: Any) -> None:
        for op in _block(model).operations:
            value = op.attributes["val"]
            if value.HasField("blobFileValue"):
                value.type.tensorType.dimensions[0].constant.size = size

    _edit(package, grow)
    started = time.perf_counter()
    with pytest.raises(ModelFileError):
        Interpreter(package)
    assert time.perf_counter() - started < 2


def test_a_value_used_before_it_is_defined(package: Path) -> None:
    def cut(model: Any) -> None:
        _operation(model, "relu").inputs["x"].arguments[0].name = "nowhere"

    _edit(package, cut)
    with pytest.raises(ModelFileError, match="'nowhere' before anything defines it"):
        Interpreter(package)


def test_failing_operation_is_named(package: Path) -> None:
    def twist(model: Any) -> None:
        first, second = [op for op in _block(model).operations if op.type == "conv"][:2]
        second.inputs["weight"].CopyFrom(first.inputs["weight"])

    _edit(package, twist)
    with pytest.raises(ExecutionError, match=r"operation '.*' \(conv\) failed") as caught:
        Interpreter(package).predict({"x": np.zeros(SHAPE, np.float32)})
    assert caught.value.exit_code == 4
    assert _one_sentence(caught.value)


@pytest.fixture(scope="module")
def small_packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, tuple[int, ...]]]]:
    folder = tmp_path_factory.mktemp("packages")
    return folder, fuzz.packages(folder)


@pytest.mark.parametrize("count", [160, pytest.param(2000, marks=pytest.mark.slow)], ids=["trimmed", "all"])
def test_random_damage_never_ends_or_hangs_the_process(
    small_packages: tuple[Path, dict[str, dict[str, tuple[int, ...]]]], count: int
) -> None:
    outcome = fuzz.attack(*small_packages, count)
    assert outcome.faults == []
    assert outcome.attempts == count
    assert outcome.predicted > 0 and outcome.refused["ModelFileError"] > 0


def test_an_attempt_that_hangs_or_dies_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped process does not answer, a killed one never will; the next attempt gets a new one."""
    monkeypatch.setattr(fuzz, "LIMIT_SECONDS", 1.0)
    nowhere = tmp_path / "nowhere.mlmodel"
    worker = fuzz.Worker()
    try:
        os.kill(worker.process_id, signal.SIGSTOP)
        assert worker.attempt(nowhere, {})[0] == "hung"
        os.kill(worker.process_id, signal.SIGKILL)
        assert worker.attempt(nowhere, {})[0] == "died"
        assert worker.attempt(nowhere, {})[0] == "refused"
    finally:
        worker.stop()
