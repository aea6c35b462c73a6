"""Debian packages and Python wheels for another CPU, unpacked into folders without root and without touching the
system.

apt gets folders of its own for all it writes, so what this machine has installed is neither looked at nor changed;
where it downloads from, and whose signatures it trusts, are what the machine has been set up with.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import unquote

from validation.errors import RunnerError
from validation.runners.base.native_output import tail

_SECONDS = 900
_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
_PLANNED = re.compile(r"^Inst (?P<name>\S+) .*\[(?P<architecture>\w+)\]", re.MULTILINE)


class Apt:
    """apt-get with an empty machine of its own in `folder`.

    Raises:
        RunnerError: the lists of packages cannot be downloaded.
    """

    def __init__(self, folder: Path) -> None:
        state, cache = folder / "state", folder / "cache"
        for made in (state / "lists" / "partial", cache / "archives" / "partial"):
            made.mkdir(parents=True)
        (state / "status").touch()
        settings = {
            "Dir::State": state,
            "Dir::State::status": state / "status",
            "Dir::Cache": cache,
            "APT::Architecture": "amd64",
            "APT::Architectures": "amd64,arm64",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Debug::NoLocking": "true",
        }
        self._command = ["apt-get", "--quiet"]
        for name, value in settings.items():
            self._command += ["-o", f"{name}={value}"]
        call([*self._command, "update"], "download Debian's lists of packages")

    def needed(self, packages: tuple[str, ...], architecture: str) -> tuple[str, ...]:
        """List `packages` and all of `architecture` that they need on a machine without any, as ``name:architecture``.


        Raises:
            RunnerError: the machine's sources do not have them.
        """
        asked = [f"{name}:{architecture}" for name in packages]
        printed = call(
            [*self._command, "install", "--simulate", "--no-install-recommends", *asked], f"find {', '.join(asked)}"
        )
        return planned_packages(printed, architecture)

    def unpack(self, packages: tuple[str, ...], into: Path, workspace: Path) -> dict[str, str]:
        """Download packages (``name:architecture``) and unpack their files; returns the versions by package.

        Raises:
            RunnerError: a package cannot be downloaded or unpacked.
        """
        workspace.mkdir()
        into.mkdir()
        call([*self._command, "download", *packages], f"download {len(packages)} Debian packages", workspace)
        found = sorted(workspace.glob("*.deb"))
        for path in found:
            call(["dpkg-deb", "--extract", str(path), str(into)], f"unpack {path.name}")
        return {path.name.split("_")[0]: unquote(path.name.split("_")[1]) for path in found}


def planned_packages(simulation: str, architecture: str) -> tuple[str, ...]:
    """Ask `apt-get install --simulate` what it would install for `architecture`, as ``name:architecture``, sorted."""
    names = {
        found["name"].partition(":")[0]
        for found in _PLANNED.finditer(simulation)
        if found["architecture"] == architecture
    }
    return tuple(f"{name}:{architecture}" for name in sorted(names))


def unpack_wheels(requirements: tuple[str, ...], into: Path, workspace: Path) -> None:
    """Unpack wheels for ARM64 Linux and Python 3.11, without what they depend on.

    Raises:
        RunnerError: pip cannot download them.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--dest", str(workspace)]
    for platform in _PLATFORMS:
        command += ["--platform", platform]
    call([*command, *requirements], f"download {', '.join(requirements)} for ARM64")
    for path in workspace.glob("*.whl"):
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(into)


def keep_only(folder: Path, wanted: tuple[str, ...]) -> None:
    """Delete everything below `folder` but the files and folders `wanted`, given relative to it."""
    kept = [folder / name for name in wanted]
    for path in sorted(folder.rglob("*"), key=lambda path: len(path.parts)):
        inside = any(path == item or item in path.parents for item in kept)
        above = any(path in item.parents for item in kept)
        if inside or above or not (path.exists() or path.is_symlink()):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def call(command: list[str], purpose: str, folder: Path | None = None) -> str:
    """Run a tool and return what it prints; RunnerError, saying what for and why, if it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False, cwd=folder
        )
    except FileNotFoundError as error:
        raise RunnerError(f"cannot {purpose}: there is no {command[0]} here; install it") from error
    except subprocess.TimeoutExpired as error:
        raise RunnerError(f"cannot {purpose}: it took over {_SECONDS} s; try again") from error
    if done.returncode:
        raise RunnerError(f"cannot {purpose}: {tail(done.stderr) or tail(done.stdout) or 'no reason given'}")
    return done.stdout
