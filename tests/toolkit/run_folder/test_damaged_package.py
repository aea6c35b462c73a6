"""A Core ML package that is not whole, from the command line: one sentence, status 2 or 4, no traceback."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.toolkit.devices.bundled_run import finished_run
from tests.validation.milrun.building import PixelNet, convert, seeded
from toolkit.cli import run_command
from toolkit.errors import ExitStatus

ct = pytest.importorskip("coremltools")
SPECIFICATION = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")


def truncated(package: Path) -> None:
    file = package / SPECIFICATION
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def unknown_operation(package: Path) -> None:
    file = package / SPECIFICATION
    whole = file.read_bytes()
    assert b"conv" in whole
    file.write_bytes(whole.replace(b"conv", b"vnoc"))


def without_weights(package: Path) -> None:
    (package / WEIGHTS).unlink()


def short_weights(package: Path) -> None:
    file = package / WEIGHTS
    file.write_bytes(file.read_bytes()[:100])


def without_manifest(package: Path) -> None:
    (package / "Manifest.json").unlink()


def not_a_package(package: Path) -> None:
    shutil.rmtree(package)
    package.write_text("no package")


DAMAGES = (truncated, unknown_operation, without_weights, short_weights, without_manifest, not_a_package)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "net.mlpackage"
    convert(seeded(PixelNet, 4, 16), (1, 3, 16, 16), compute_precision=ct.precision.FLOAT32).save(str(path))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("run"))


def said(capfd: pytest.CaptureFixture[str]) -> list[str]:
    """What segport said on stderr; coremltools' own remarks are left out."""
    text = capfd.readouterr()
    assert "Traceback" not in text.err + text.out
    return [line for line in text.err.splitlines() if line.startswith("segport: ")]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda item: item.__name__)
def test_comparing_a_damaged_package(
    damage: Callable[[Path], None], whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "net.mlpackage"
    shutil.copytree(whole, package)
    damage(package)
    for arguments in ([str(package), "--compare", str(whole)], [str(whole), "--compare", str(package)]):
        status = run_command(["inspect", *arguments, "--images", "1"])
        lines = said(capfd)
        assert status in (2, 4), arguments
        assert len(lines) == 1 and len(lines[0]) > 30, lines


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda item: item.__name__)
def test_a_damaged_artifact_of_a_run_is_not_trusted(
    damage: Callable[[Path], None],
    run: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(run.parent, tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there")
    damage(Path("out/artifacts/coreml-float16.mlpackage"))
    status = run_command(["validate", "out", "--quiet"])
    assert status == 2
    (line,) = said(capfd)
    assert "coreml-float16.mlpackage is not the file that was converted" in line


@pytest.mark.parametrize("options", [(), ("--lint",)])
def test_what_never_ends_is_not_read(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "net.mlpackage"
    model = package / "Data" / "com.apple.CoreML" / "model.mlmodel"
    model.parent.mkdir(parents=True)
    (package / "Manifest.json").write_text("{}")
    model.symlink_to("/dev/zero")
    assert run_command(["inspect", str(package), *options]) == ExitStatus.BAD_INPUT
    assert "which is not a file; convert the model again" in capsys.readouterr().err
