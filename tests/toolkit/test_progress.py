"""What a person sees of a long conversion: from the converter in its own process to a terminal or a log."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from converters import Job
from tests.converters import small_network as small
from tests.converters.making import job_of
from toolkit import progress
from toolkit.isolation.conversions import ConversionProcess
from toolkit.isolation.limits import Limits
from toolkit.isolation.process import GuardedProcess
from toolkit.isolation.telling import tell
from toolkit.progress import ConsoleProgress, TellingStage

LIMITS = Limits(60.0, 8_000_000_000)


def busy(steps: int) -> int:
    """Tells of its steps."""
    tell("beginning")
    for step in range(steps):
        tell("counting, number", step + 1, steps)
        time.sleep(0.11)
    return steps


def test_what_is_told_there_is_heard_here_in_order() -> None:
    heard: list[tuple[str, int, int]] = []
    process = GuardedProcess("a test", LIMITS)
    try:
        answer = process.call(busy, 3, heard=lambda *said: heard.append(said))
        assert process.call(busy, 1) == 1  # nobody hears it, and nothing is mixed up
    finally:
        process.stop()
    assert answer == 3
    assert heard == [("beginning", 0, 0), *(("counting, number", step, 3) for step in (1, 2, 3))]


def test_a_conversion_elsewhere_tells_its_phases(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    plain = job_of(small.small_source(), tmp_path, "int8_static", small.calibration(2))
    job = Job(
        plain.source,
        plain.conversion,
        plain.destination,
        plain.workspace,
        plain.calibration,
        lambda phase, done=0, total=0: heard.append((phase, done, total)),
    )
    with ConversionProcess(LIMITS) as elsewhere:
        elsewhere(job, tmp_path / "log")
    phases = list(dict.fromkeys(phase for phase, _, _ in heard))
    assert phases == [
        "making the float graph by litert-torch",
        "simplifying the float graph",
        "comparing the float graph with its source",
        "calibrating, picture",
        "quantizing",
        "reading the file back",
    ]
    assert ("calibrating, picture", 1, 2) in heard


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100)


def shown(where: Console) -> str:
    assert isinstance(where.file, io.StringIO)
    return where.file.getvalue()


def test_a_log_gets_one_line_for_each_phase_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.1)
    where = console(terminal=False)
    with ConsoleProgress(where).stage("converting", 1) as stage:
        assert isinstance(stage, TellingStage)
        stage.doing("a: quick")
        for step in range(6):
            stage.doing("a: calibrating, picture", step + 1, 6)
            time.sleep(0.05)
        stage.doing("a: quick again")
    time.sleep(0.2)
    lines = [line.strip() for line in shown(where).splitlines()]
    assert lines[0] == "converting ..." and lines[-1].startswith("done converting")
    (middle,) = lines[1:-1]
    assert middle.startswith("a: calibrating, picture ") and middle.endswith(" of 6 ...")


def test_a_terminal_shows_the_present_phase() -> None:
    where = console(terminal=True)
    with ConsoleProgress(where).stage("converting", 2) as stage:
        assert isinstance(stage, TellingStage)
        stage.doing("tflite-int8_static: calibrating, picture", 12, 32)
        time.sleep(0.3)
    assert "tflite-int8_static: calibrating, picture 12 of 32" in shown(where)
