"""Options that are refused in one sentence: from the command line, from a TOML file and from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.starting import small_run
from toolkit import RunOptions
from toolkit.cli import run_command
from toolkit.errors import ExitStatus, UsageError
from toolkit.options import checked_options, make_options


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"imges": 3}, "unknown option 'imges'; did you mean 'images'?"),
        ({"images": 0}, "option 'images' is 0: "),
        ({"max_class_drop": 2.0}, "option 'max-class-drop' is 2.0: "),
        ({"out": ""}, "option 'out' is '': give a folder"),
    ],
)
def test_python_gets_the_sentence_of_the_command_line(values: dict[str, object], says: str) -> None:
    for made in (lambda: RunOptions(**values), lambda: checked_options(values)):  # type: ignore[arg-type]
        with pytest.raises(UsageError) as refused:
            made()
        assert str(refused.value).startswith(says) and "\n" not in str(refused.value)


def test_options_survive_a_copy_and_a_dump() -> None:
    options = RunOptions(images=3, recipes="float16,float32")  # type: ignore[arg-type]
    assert checked_options(options.model_dump(mode="json")) == options
    assert options.model_copy(update={"images": 4}).images == 4
    assert "model" not in RunOptions(images=3).model_fields_set


def test_an_option_in_both_spellings_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "a.toml"
    config.write_text('input-size = "64"\ninput_size = "128"\n')
    with pytest.raises(UsageError, match="input-size and input_size are the same option"):
        make_options({}, config)
    config.write_text('input-size = "64"\n')
    assert make_options({"input_size": "32"}, config).input_size == (32, 32)


def test_an_empty_folder_name_scatters_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("run", "convert", "search"):
        assert run_command([command, "--out", ""]) == ExitStatus.BAD_INPUT
        assert "give a folder" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["report.json", "report.html", "manifest.json"])
def test_a_folder_in_a_files_place_is_found_before_work_begins(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / name).mkdir(parents=True)
    assert run_command(small_run(tmp_path, "--formats", "onnx", "--out", str(out))) == ExitStatus.BAD_INPUT
    assert name in capsys.readouterr().err
    assert {path.name for path in out.iterdir()} == {name}


def test_a_file_in_a_folders_place_is_found_before_work_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "examples").write_text("mine")
    arguments = small_run(tmp_path, "--formats", "onnx", "--out", str(tmp_path / "out"))
    assert run_command(arguments) == ExitStatus.BAD_INPUT
    assert "examples is no folder" in capsys.readouterr().err


def test_a_class_named_twice_is_refused_on_reading(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = tmp_path / "names.txt"
    names.write_text("sky\nroad\nsky\ntree\n")
    arguments = small_run(tmp_path)[1:-1]  # without "run" and "--quiet"
    arguments[arguments.index("--classes") + 1] = str(names)
    for command in ("convert", "run"):
        out = tmp_path / command
        assert run_command([command, *arguments, "--out", str(out)]) == ExitStatus.BAD_INPUT
        assert f"{names} names two classes 'sky'" in capsys.readouterr().err
        assert not out.exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--recipes", "int8_statik"], "no recipe is named 'int8_statik'; did you mean 'int8_static'?"),
        (["--formats", "tflit"], "no format is named 'tflit'; did you mean 'tflite'?"),
        (["--runners", "litrt"], "no runner is named 'litrt'; did you mean 'litert'?"),
        (["--runners", "litert:xnpack"], "no backend of litert is named 'xnpack'; did you mean 'xnnpack'?"),
    ],
)
def test_a_wrong_name_is_found_before_the_model_is_loaded(
    given: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", "--model", "no.such.package:net", *given, "--out", str(tmp_path / "out")]
    assert run_command(arguments) == ExitStatus.BAD_INPUT
    assert says in capsys.readouterr().err


def test_a_name_that_is_no_checkpoint_hints_at_a_factory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["convert", "--model", "mynets", "--out", str(tmp_path / "out")]) == ExitStatus.BAD_INPUT
    assert "package.module:factory" in capsys.readouterr().err


def test_a_usage_error_names_the_commands_own_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", "--no-such-option"]) == ExitStatus.BAD_INPUT
    assert "see `segport run --help`" in capsys.readouterr().err
    assert run_command(["no-such-command"]) == ExitStatus.BAD_INPUT
    assert "see `segport --help`" in capsys.readouterr().err
