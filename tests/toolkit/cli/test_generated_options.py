"""An option is written once: the flag, the help, the default and the documentation all come from its field."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
import typer
from pydantic import Field

from toolkit import RunOptions
from toolkit.apps.compare.allowed_changes import CompareLimits
from toolkit.apps.search.options import SearchOptions
from toolkit.cli import run_command
from toolkit.cli.app import build
from toolkit.cli.parameters import holding, taking
from toolkit.errors import UsageError
from toolkit.options.base import Options
from toolkit.options.flag import Flag, Panel

HEAVY = ("torch", "tensorflow", "coremltools", "onnx", "onnxruntime", "ai_edge_litert", "scipy", "matplotlib", "PIL")


class Made(Options):
    """Options of no command there is."""

    half_width: Annotated[int, Field(ge=1), Flag(Panel.NETWORK, "-w", alias="--reach")] = 7
    """Pixels to each side, [tall] ones too.

    This is for the documentation alone.
    """
    sizes: Annotated[tuple[int, int], Flag(name="--area")] = (3, 4)
    """Height and width."""
    loud: Annotated[bool, Flag(switch=True)] = False
    """Say more."""
    tidy: Annotated[bool, Flag()] = True
    """Clear up."""
    place: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Where to."""
    unseen: int = 1
    """Not on the command line."""


def command_with(seen: list[Made]) -> Any:
    @holding(Made, "made")
    def command(made: Made, name: str = "") -> int:
        """Do nothing."""
        seen.append(made)
        return 0

    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command()(command)
    return typer.main.get_command(app)


def test_all_of_a_flag_comes_from_the_field(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    command_with([])(["--help"], standalone_mode=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert "--half-width,--reach -w <int> Pixels to each side, [tall] ones too. [default: 7]" in shown
    assert "documentation alone" not in shown and "unseen" not in shown
    assert "Height and width. [default: 3x4]" in shown
    assert "--no-tidy" in shown and "--no-loud" not in shown
    assert "FILE Where to." in shown
    assert "Network" in shown


def test_what_is_typed_becomes_checked_options() -> None:
    seen: list[Made] = []
    command = command_with(seen)
    command(["--reach", "9", "--loud", "--no-tidy", "--place", "a/b"], standalone_mode=False)
    command([], standalone_mode=False)
    assert seen == [Made(half_width=9, loud=True, tidy=False, place=Path("a/b")), Made()]
    with pytest.raises(UsageError, match="option 'half-width' is 0: Input should be greater than or equal to 1"):
        command(["-w", "0"], standalone_mode=False)


def test_an_option_without_explanation_is_refused() -> None:
    class Silent(Options):
        wordless: Annotated[int, Flag()] = 1

    with pytest.raises(TypeError, match=r"Silent\.wordless needs .* an explanation"):
        holding(Silent, "silent")
    with pytest.raises(TypeError, match=r"RunOptions\.thread_sweep needs a Flag"):
        taking("thread_sweep")


@pytest.mark.parametrize("kind", [RunOptions, SearchOptions, CompareLimits])
def test_every_option_is_explained_and_names_its_choices(kind: type[Options]) -> None:
    for name, field in kind.model_fields.items():
        assert field.description and field.description.strip()[-1] in ".)", name
        for choice in choices(field.annotation):
            assert choice in field.description, f"{name} does not say that it takes {choice}"


def choices(annotation: Any) -> list[str]:
    """Names that a type allows, wherever in it they stand."""
    if get_origin(annotation) is Literal:
        return [str(item) for item in get_args(annotation)]
    return [found for part in get_args(annotation) if part is not ... for found in choices(part)]


def test_run_takes_every_option_that_has_a_flag() -> None:
    flagged = {
        name
        for name, field in RunOptions.model_fields.items()
        if any(isinstance(item, Flag) for item in field.metadata)
    }
    taken = {parameter.name for parameter in build().commands["run"].params}
    assert taken == flagged - {"per_op"} | {"config", "quiet"}
    assert set(RunOptions.model_fields) - flagged == {"thread_sweep"}


def test_a_recorded_run_s_options_have_no_default_in_help(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    run_command(["run", "--help"])
    assert "How many pictures judge. [default: 32]" in capsys.readouterr().out
    run_command(["validate", "--help"])
    assert "How many pictures judge. [default" not in capsys.readouterr().out


@pytest.mark.usefixtures("cold_processes")
@pytest.mark.parametrize("command", ["", *build().commands])
def test_help_loads_nothing_heavy(command: str) -> None:
    code = (
        f"import sys; from toolkit.cli import run_command; status = run_command({[*command.split(), '--help']!r});"
        f"print(status, [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_one_command_is_read_where_one_is_asked_for() -> None:
    assert set(build("doctor").commands) == {"doctor"}
    assert len(build("no-such-command").commands) == len(build().commands) > 10
