"""The package as pip builds it: one version, types for type checkers, and every data file inside."""

from __future__ import annotations

import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = sorted(name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"])


def test_the_version_stands_in_one_place() -> None:
    import toolkit

    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "toolkit.__version__"}
    assert f"## {toolkit.__version__} - " in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_see_every_package(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_data_file_is_packed(package: str) -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", package],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("this is no git checkout, so files that are made meanwhile cannot be told from the package's own")
    for name in listed.stdout.split():
        inside = PurePosixPath(name).relative_to(package)
        everywhere = any(fnmatch(inside.name, pattern) for pattern in patterns["*"])
        here = any(
            fnmatch(inside.as_posix(), pattern)
            for pattern in patterns.get(package, [])
            if pattern.count("/") == len(inside.parts) - 1
        )
        assert name.endswith(".py") or everywhere or here, f"{name} would not be in the wheel"
