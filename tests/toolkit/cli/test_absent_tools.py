"""What is not installed is found before any work, in one sentence, with status 3."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from converters import MissingToolError
from converters.tools.installed import install_command, is_installed
from tests.reliability.starting import small_run
from toolkit.apps.doctor import Tool, serves_phones
from toolkit.errors import ExitStatus, exit_status, sentence
from toolkit.options import RunOptions
from toolkit.stages.refuse_missing import check_runtimes
from toolkit.stages.runtimes import choose_runtimes
from validation.results.facts import Availability
from validation.runners.onnxruntime import OnnxRuntimeRunner

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.usefixtures("cold_processes")
BLOCKER = """
from importlib.machinery import PathFinder

look = PathFinder.find_spec


def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in {absent!r} else look(name, path, target)


PathFinder.find_spec = staticmethod(find_spec)
"""


def segport(arguments: list[str], absent: tuple[str, ...], place: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line where some packages are absent, in the processes that it starts as well."""
    (place / "blocker").mkdir(exist_ok=True)
    (place / "blocker" / "sitecustomize.py").write_text(BLOCKER.format(absent=set(absent)))
    paths = os.pathsep.join([str(place / "blocker"), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-c", "from toolkit.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        cwd=place,
        env=os.environ | {"PYTHONPATH": paths, "COLUMNS": "200"},
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize(
    ("absent", "given", "says"),
    [
        ("coremltools", ("--formats", "coreml"), "coremltools is not installed, and coreml cannot be made without"),
        ("coremltools", (), "pip install 'segport[coreml]', or name other --formats"),
        ("litert_torch", ("--formats", "tflite"), "litert-torch is not installed"),
        ("litert_torch ai_edge_quantizer coremltools", (), "pip install 'segport[coreml,tflite]'"),
        ("onnx", ("--formats", "onnx,tflite"), "onnx is not installed, and onnx cannot"),
        ("tf_keras", ("--formats", "tflite", "--tflite-route", "onnx2tf"), "pip install 'segport[onnx2tf]'"),
        ("onnx2tf", ("--formats", "tflite", "--quantizer", "tensorflow"), "pip install 'segport[onnx2tf]'"),
        ("onnxruntime", ("--formats", "onnx"), "nothing chosen can run onnx files here: onnxruntime (cpu): "),
        ("torch", (), "torch"),
    ],
)
def test_what_the_chosen_formats_need_is_found_before_any_work(
    absent: str, given: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    arguments = small_run(tmp_path, *given, "--out", str(tmp_path / "out"))
    done = segport(arguments, tuple(absent.split()), tmp_path)
    assert done.returncode == ExitStatus.NOT_INSTALLED, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("segport: ") and says in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["validate", "search"])
def test_other_commands_find_it_before_any_work_too(command: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    run = small_run(tmp_path, "--out", out)
    if command == "validate":
        assert segport(["convert", *run[1:], "--formats", "onnx"], (), tmp_path).returncode == 0
        before = set((tmp_path / "out").rglob("*"))
        done = segport(["validate", out, "--quiet"], ("onnxruntime",), tmp_path)
        assert set((tmp_path / "out").rglob("*")) == before
    else:
        done = segport(["search", *run[1:]], ("ai_edge_litert",), tmp_path)
        assert not (tmp_path / "out").exists()
    assert done.returncode == ExitStatus.NOT_INSTALLED, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert "not installed" in line


def test_what_is_not_chosen_may_be_absent(tmp_path: Path) -> None:
    arguments = ["convert", *small_run(tmp_path, "--formats", "onnx", "--out", str(tmp_path / "out"))[1:]]
    done = segport(arguments, ("coremltools", "litert_torch", "ai_edge_litert", "onnx2tf"), tmp_path)
    assert done.returncode == 0, done.stderr


def test_doctor_says_what_to_type_and_that_nothing_can_be_made(tmp_path: Path) -> None:
    done = segport(["doctor"], ("coremltools", "litert_torch", "ai_edge_litert", "onnx", "onnx2tf"), tmp_path)
    assert done.returncode == ExitStatus.NOT_INSTALLED, done.stdout + done.stderr
    shown = " ".join(done.stdout.split())
    assert "pip install 'segport[tflite]'" in shown
    assert "get what that needs with: pip install 'segport[coreml,tflite]'" in shown


def test_doctor_without_torch(tmp_path: Path) -> None:
    done = segport(["doctor"], ("torch",), tmp_path)
    assert done.returncode == ExitStatus.NOT_INSTALLED, done.stdout + done.stderr
    assert "torch is not installed; get it with: pip install segport" in done.stdout


def test_a_file_for_phones_is_both_made_and_run() -> None:
    made, run = Tool("a", "works", "", makes="tflite"), Tool("b", "works", "", runs=("onnx", "tflite"))
    assert serves_phones([made, run])
    assert not serves_phones([made]) and not serves_phones([run])
    assert not serves_phones([made, Tool("b", "absent", "", runs=("tflite",))])
    assert not serves_phones([Tool("a", "works", "", makes="onnx"), run])  # no phone takes it
    assert not serves_phones([Tool("a", "works", "", makes="coreml"), run])


def test_packages_are_found_by_module_and_by_distribution() -> None:
    assert is_installed("onnx") and is_installed("tf_keras") and is_installed("litert-torch")
    assert is_installed("pillow")  # its module is PIL
    assert not is_installed("no-such-package")


def test_the_command_that_installs_names_extras_where_there_are_some() -> None:
    assert install_command([["litert-torch", "litert-converter"]]) == "pip install 'segport[tflite]'"
    assert install_command([["torch", "coremltools"], ["tf_keras"]]) == "pip install 'segport[coreml,onnx2tf]'"
    assert install_command([["torch"]]) == "pip install segport"
    assert install_command([["their-converter"], ["onnx"]]) == "pip install 'segport[onnx]' their-converter"


def test_a_forbidden_import_is_an_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxsim", None)
    assert not is_installed("onnxsim")


def test_one_usable_runtime_of_a_format_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    named = choose_runtimes(RunOptions(runners=("onnxruntime", "litert"), isolate=False))
    check_runtimes(("onnx", "tflite", "coreml"), named)  # coreml: the user chose none that takes it
    monkeypatch.setattr(OnnxRuntimeRunner, "availability", lambda backend: Availability(False, "it is gone"))
    check_runtimes(("tflite",), named)
    check_runtimes(("tflite", "onnx"), named, each=False)
    with pytest.raises(MissingToolError, match="it is gone"):
        check_runtimes(("onnx", "coreml"), named, each=False)
    with pytest.raises(MissingToolError, match=r"can run onnx files here: onnxruntime \(cpu\): it is gone"):
        check_runtimes(("tflite", "onnx"), named)


def test_a_package_of_others_that_is_not_there_is_no_defect_of_segport() -> None:
    error = ModuleNotFoundError("No module named 'scipy'", name="scipy.ndimage")
    assert exit_status(error) is ExitStatus.NOT_INSTALLED
    assert sentence(error) == "scipy is not installed; get it with: pip install segport"
    assert exit_status(ModuleNotFoundError("No module named 'toolkit.x'", name="toolkit.x")) is None
