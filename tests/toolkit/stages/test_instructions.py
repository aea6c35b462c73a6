"""Executed instructions: counted for runtimes that count, a gate between runs, and shown in every report."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converters import Artifact, ImageInput, Layout, MapOutput, OutputKind, PixelRange
from tests.converters.small_network import small_source
from tests.toolkit.report.sample import sample
from toolkit.apps.compare.runs import CompareLimits, RunComparison, compare_runs
from toolkit.apps.compare.showing import render_markdown
from toolkit.cli import run_command
from toolkit.document.schema import check
from toolkit.errors import ExitStatus, UsageError
from toolkit.options import RunOptions
from toolkit.progress import Progress, SilentProgress
from toolkit.report import html, markdown
from toolkit.run_folder.folder import RunFolder
from toolkit.stages.checks import _others
from toolkit.stages.context import Context
from toolkit.stages.profiling import with_instructions
from toolkit.stages.runtimes import Runtime, choose_runtimes
from validation.errors import RunnerError
from validation.measure import Measurements
from validation.results.facts import Availability, InstructionCount
from validation.results.run import RunResult, Status
from validation.runners.arm64.runner import Arm64Runner
from validation.runners.litert.runner import LiteRtRunner

Document = dict[str, Any]
TOTAL = 3_000_000_000
SOURCE = small_source()


def counted(total: int | None) -> Document:
    """The sample with one run that counted its instructions, or with none."""
    document = copy.deepcopy(sample())
    if total is not None:
        document["artifacts"][0]["runs"][0]["instructions"] = {
            "total": total,
            "by_class": {"dot_product": total - 5, "load": 5},
            "profile": "cortex-a76",
            "emulator": "qemu-user 7.2",
        }
    return document


def compared(before: int | None, after: int | None, limit: float = 0.01) -> RunComparison:
    return compare_runs(check(counted(before)), check(counted(after)), CompareLimits(instruction_growth=limit))


@pytest.mark.parametrize(
    ("after", "limit", "finding"),
    [
        (TOTAL, 0.01, None),
        (TOTAL + 39, 0.01, "changed"),
        (int(TOTAL * 1.011), 0.01, "worse"),
        (int(TOTAL * 1.011), 0.02, "changed"),
        (TOTAL + 39, 0.0, "worse"),
        (TOTAL // 2, 0.01, "better"),
        (None, 0.01, "worse"),
    ],
)
def test_growth_beyond_the_limit_is_worse(after: int | None, limit: float, finding: str | None) -> None:
    rows = [row for row in compared(TOTAL, after, limit).changed if row.what == "instructions"]
    assert [row.finding for row in rows] == ([] if finding is None else [finding])


def test_growth_counts_on_another_machine_too() -> None:
    after = counted(TOTAL * 2)
    after["environment"]["processor"] = "another"
    found = compare_runs(check(counted(TOTAL)), check(after), CompareLimits())
    assert [row.what for row in found.worse] == ["instructions"]


def test_first_count_is_no_loss() -> None:
    assert compared(None, TOTAL).worse == ()
    assert [row.what for row in compared(None, TOTAL).changed] == ["instructions"]


def test_comparison_is_in_words() -> None:
    said = render_markdown(compared(TOTAL, TOTAL + 300_000_000))
    assert "| 3,000,000,000 | 3,300,000,000 | +10.0% | worse |" in said
    assert "instructions +1%." in said


def test_negative_limit_is_refused() -> None:
    with pytest.raises(UsageError, match="--max-instruction-growth"):
        CompareLimits(instruction_growth=-0.1)


def test_command_line_has_the_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run_command(["compare", str(tmp_path), str(tmp_path), "--max-instruction-growth", "0.5"])
    assert status == ExitStatus.BAD_INPUT
    assert "no such option" not in capsys.readouterr().err.lower()


def test_reports_show_instructions_and_agreement(tmp_path: Path) -> None:
    document = counted(TOTAL)
    document["artifacts"][0]["runs"][0]["native_agreement"] = {
        "against": "litert (xnnpack)",
        "images": 8,
        "bit_equal": 7,
        "largest_difference": 1e-7,
    }
    said = [markdown.render(check(document)), html.render(check(document), tmp_path)]
    for text in said:
        assert "Executed instructions of one inference" in text
        assert "3,000,000,000" in text
        assert "the same bits on 7 of 8, at most 1.0e-07 apart" in text
    for text in (markdown.render(check(counted(None))), html.render(check(counted(None)), tmp_path)):
        assert "Executed instructions" not in text


class Counting(LiteRtRunner):
    """LiteRT that pretends to count: every pixel of the picture is an instruction."""

    counts_instructions = True
    fails = False

    @classmethod
    def availability(cls, backend: str) -> Availability:
        return Availability(True)

    def _open(self) -> None:
        if self.fails:
            raise RunnerError("it does not open")

    def count_instructions(self, image: Any) -> InstructionCount:
        self._check_image(image)
        return InstructionCount(image.shape[0] * image.shape[1], {"load": 1}, self.backend, "none")


ARTIFACT = Artifact(
    name="tflite-float32",
    format="tflite",
    recipe="float32",
    path=Path("none.tflite"),
    sha256="0" * 64,
    size_bytes=1,
    key="0",
    classes=("a", "b"),
    image=ImageInput("image", 16, 24, PixelRange.UNIT, Layout.NHWC),
    output=MapOutput("logits", 16, 24, 2, OutputKind.LOGITS, Layout.NHWC),
)


def context(*kinds: type[LiteRtRunner], options: RunOptions | None = None, progress: Progress | None = None) -> Context:
    """One artifact in the first backend of each of these runtimes, or in those that the options choose."""
    given = options or RunOptions()
    runtimes = tuple(Runtime(kind, kind.backends[0]) for kind in kinds) if kinds else choose_runtimes(given)
    what = Measurements(None, picture=np.zeros((32, 32, 3), np.uint8))
    shown: Progress = progress or SilentProgress()
    return Context(given, shown, RunFolder(Path("nowhere")), SOURCE, what, runtimes, {}, (ARTIFACT,))


def results(*statuses: Status) -> list[RunResult]:
    return [RunResult("litert", "xnnpack", 1, status) for status in statuses]


def test_only_runtimes_that_count_are_asked() -> None:
    runs = results(Status.MEASURED, Status.MEASURED, Status.FAILED)
    found = with_instructions(context(LiteRtRunner, Counting, Counting), runs)
    assert [run.instructions and run.instructions["total"] for run in found] == [None, 16 * 24, None]


def test_count_that_fails_is_told_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Listening(SilentProgress):
        def note(self, message: str) -> None:
            notes.append(message)

    notes: list[str] = []
    monkeypatch.setattr(Counting, "fails", True)
    runs = results(Status.MEASURED)
    assert with_instructions(context(Counting, progress=Listening()), runs) == runs
    assert len(notes) == 1
    assert "it does not open" in notes[0]


def test_checks_leave_it_out_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Arm64Runner, "availability", lambda backend: Availability(True))
    asked, left_out = _others(context(), ARTIFACT, "litert (xnnpack)", None)
    assert "arm64 (max)" not in asked
    assert "--runners arm64:max" in left_out["arm64 (max)"]
    asked, left_out = _others(
        context(options=RunOptions(runners=("litert", "arm64:max"))), ARTIFACT, "litert (xnnpack)", None
    )
    assert "arm64 (max)" in asked


def test_it_runs_only_where_it_is_named() -> None:
    assert Arm64Runner not in [item.runner for item in choose_runtimes(RunOptions())]
    (named,) = choose_runtimes(RunOptions(runners=("arm64:max",)))
    assert (named.runner, named.backend) == (Arm64Runner, "max")
    with pytest.raises(UsageError, match="cortex-a76, cortex-a53, max"):
        choose_runtimes(RunOptions(runners=("arm64:cortex-x9",)))
