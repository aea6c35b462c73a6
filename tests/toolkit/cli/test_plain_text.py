"""What is printed is text: brackets in names, paths and commands are never taken for the terminal's markup."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from toolkit.apps import doctor
from toolkit.apps.doctor import Tool
from toolkit.apps.inspect.showing import show_departure
from toolkit.cli.app import build
from toolkit.cli.screen import Screen
from toolkit.errors import ExitStatus
from toolkit.progress import ConsoleProgress, plain_console
from validation.observing.departure import Departure, OperationNoise, OutputNoise

NASTY = "pip install 'segport[tflite]' [red]a[/] [/b] :car: net[0]"
"""An extra, tags that open and close, one that closes nothing, an emoji's name, an index."""


@pytest.mark.parametrize("terminal", [True, False])
def test_progress(terminal: bool) -> None:
    stream = io.StringIO()
    progress = ConsoleProgress(Console(file=stream, width=160, force_terminal=terminal, color_system=None))
    progress.note(f"note {NASTY}")
    with progress.stage(f"stage {NASTY}", 20) as stage:
        stage.advance(7)
    shown = stream.getvalue()
    assert f"note {NASTY}" in shown and f"done stage {NASTY}" in shown
    if not terminal:
        assert f"stage {NASTY} ..." in shown


def test_artifacts_and_what_lies_where(capsys: pytest.CaptureFixture[str]) -> None:
    failed = SimpleNamespace(artifact=None, error=NASTY, conversion=SimpleNamespace(name="x"))
    made = SimpleNamespace(artifact=SimpleNamespace(size_bytes=1, path=Path(NASTY)), reused=True)
    screen = Screen(quiet=True)
    screen.show_artifacts(SimpleNamespace(outcomes=[failed, made]))  # type: ignore[arg-type]
    screen.show_exported(1, Path(NASTY))
    screen.show_bundle(SimpleNamespace(size_bytes=1, path=NASTY, artifacts=(NASTY,), pictures=1), Path(NASTY))  # type: ignore[arg-type]
    screen.show_web_demo(SimpleNamespace(left_out=(NASTY,), size_bytes=1, folder=NASTY, artifacts=()))  # type: ignore[arg-type]
    shown = capsys.readouterr().out
    assert f"failed x: {NASTY}" in shown
    assert shown.count(NASTY.split("/", maxsplit=1)[0]) == 9 and "🚗" not in shown


def test_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    def tools() -> Any:
        yield Tool(f"name {NASTY}", "absent", f"detail {NASTY}")

    monkeypatch.setattr(doctor, "tools", tools)
    stream = io.StringIO()
    assert doctor.examine(Console(file=stream, width=300)) == ExitStatus.NOT_INSTALLED
    assert f"name {NASTY}" in stream.getvalue() and f"detail {NASTY}" in stream.getvalue()


def test_departures(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    operation = OperationNoise(1, f"op {NASTY}", "conv", 20.0, 40.0, 3.0)
    output = OutputNoise(f"output {NASTY}", "torch", 20.0, None)
    show_departure(Departure(f"file {NASTY}", "float32", 2, 30.0, (operation,), (output,)))
    shown = capsys.readouterr().out
    for what in ("op", "output", "file"):
        assert f"{what} {NASTY}" in shown


def test_the_plain_console() -> None:
    stream = io.StringIO()
    plain_console(stream).print(NASTY, highlight=False)
    assert stream.getvalue().strip() == NASTY


def test_help_keeps_its_brackets() -> None:
    for name, command in build().commands.items():
        for parameter in command.params:
            text = getattr(parameter, "help", None) or ""
            assert Text.from_markup(text).plain == text.replace("\\[", "["), f"{name} {parameter.name}"
