"""Small virtual environments made on demand, complete or absent, never half-made.

They lie in ``$SEGPORT_ENVS`` if set, else in ``envs`` of segport's folder among the user's caches (on Linux
``$XDG_CACHE_HOME/segport/envs``, by default below ``~/.cache``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from validation.errors import RunnerError
from validation.runners.base.native_output import tail

ENVS_VARIABLE = "SEGPORT_ENVS"
_INSTALL_SECONDS = 900


@dataclass(frozen=True)
class IsolatedEnvironment:
    """A virtual environment with pinned packages.

    Attributes:
        name: for people and on the command line, e.g. ``"tflite-runtime"``.
        requirements: pinned requirements; the folder name changes with them, so that an old one is never reused.
        imports: module that must import for the environment to count as complete.
    """

    name: str
    requirements: tuple[str, ...]
    imports: str

    @property
    def folder(self) -> Path:
        """Return where the environment lies, whether or not it exists."""
        pins = "-".join(item.replace("==", "") for item in self.requirements)
        return environments_folder() / f"{pins}-py{sys.version_info.major}{sys.version_info.minor}"

    @property
    def python(self) -> Path:
        """Return its interpreter."""
        return _interpreter(self.folder)

    def exists(self) -> bool:
        """Tell whether it is complete: it gets its final name only after it has proven itself."""
        return self.python.exists()

    def ensure(self, progress: Callable[[str], None] = lambda message: None) -> Path:
        """Make the environment unless it exists; returns its interpreter.

        Processes that want it at the same time wait for one another. The folder is built under a temporary name
        and renamed once `imports` has been imported in it.

        Raises:
            RunnerError: packages cannot be installed or imported; the message carries pip's reason.
        """
        if self.exists():
            return self.python
        if made_once(self.folder, self.exists, lambda workspace: self._build(workspace, progress), ENVS_VARIABLE):
            progress(f"{self.name}: ready")
        return self.python

    def _build(self, workspace: Path, progress: Callable[[str], None]) -> Path:
        folder = workspace / "env"
        progress(f"{self.name}: making {self.folder}")
        venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(folder)
        python = _interpreter(folder)
        progress(f"{self.name}: installing {', '.join(self.requirements)}")
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-input"]
        self._call([*pip, "--only-binary=:all:", *self.requirements])
        progress(f"{self.name}: checking that it imports")
        self._call([str(python), "-c", f"import {self.imports}"])
        return folder

    def _call(self, command: list[str]) -> None:
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=_INSTALL_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise RunnerError(
                f"making the {self.name} environment took over {_INSTALL_SECONDS} s; try again"
            ) from error
        if done.returncode:
            raise RunnerError(f"cannot make the {self.name} environment: {tail(done.stderr) or tail(done.stdout)}")


def made_once(folder: Path, exists: Callable[[], bool], build: Callable[[Path], Path], variable: str) -> bool:
    """Give the name `folder` to what `build` makes, unless it exists. Processes that want it at the same time wait
    for one another.

    Args:
        folder: where it shall lie.
        exists: whether it lies there, complete.
        build: makes it somewhere in the workspace it is given, which lies on the same file system, and returns it.
        variable: that puts it elsewhere, for people.

    Returns:
        Whether it was made now.

    Raises:
        RunnerError: the folder cannot be written to; and whatever `build` raises, which leaves nothing behind.
    """
    from filelock import FileLock

    parent = folder.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(folder) + ".lock"):
            if exists():
                return False
            with tempfile.TemporaryDirectory(dir=parent, prefix=".making-") as workspace:
                made = build(Path(workspace))
                if folder.exists():
                    shutil.rmtree(folder)
                made.replace(folder)
            return True
    except OSError as error:
        raise RunnerError(
            f"cannot write to {parent} ({error.strerror or error}); set {variable} to a folder you own"
        ) from error


def environments_folder() -> Path:
    """Return the folder that holds all isolated environments; it may not exist yet."""
    chosen = os.environ.get(ENVS_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    return cache_folder() / "envs"


def cache_folder() -> Path:
    """Return segport's folder among the user's caches, wherever this system keeps those; it may not exist yet."""
    return user_cache_path("segport", appauthor=False)


def _interpreter(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
