"""LiteRT.js and Playwright in segport's cache folder, as npm's lock file pins them; and the browser that they run in.

They lie in ``$SEGPORT_WEB`` if set, else in ``web`` of segport's cache folder, complete or not at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

from validation.errors import RunnerError
from validation.runners.base.native_output import tail
from validation.runners.base.other_interpreter.environment import cache_folder, made_once

FOLDER_VARIABLE = "SEGPORT_WEB"
BROWSER_VARIABLE = "SEGPORT_CHROMIUM"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SCRIPTS = Path(__file__).parent
LOCK = SCRIPTS / "package-lock.json"
LEAST_NODE = 20
"""What playwright-core asks for."""
_INSTALL_SECONDS = 600
_PROBE_SECONDS = 60


def web_folder() -> Path:
    """Return the folder of the packages this version pins, whether or not they are there; named after the lock file."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    parent = Path(chosen).expanduser().absolute() if chosen else cache_folder() / "web"
    return parent / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]


def is_set_up() -> bool:
    """Tell whether the packages are complete: the folder gets its name only then."""
    return (web_folder() / "node_modules" / "@litertjs" / "core").is_dir()


def chromium() -> Path | None:
    """Find the browser that ``$SEGPORT_CHROMIUM`` names, else the first on PATH."""
    named = os.environ.get(BROWSER_VARIABLE)
    found = named or next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return Path(found) if found else None


def node() -> Path | None:
    """Node on PATH."""
    found = shutil.which("node")
    return Path(found) if found else None


def missing() -> str:
    """Say what LiteRT.js lacks on this machine to run at all, and what to type; empty if nothing."""
    program = node()
    if program is None or _node_version(program) < LEAST_NODE:
        return f"Node {LEAST_NODE} or newer is not installed; install it, then run: segport doctor --setup web"
    if not is_set_up():
        return "LiteRT.js has not been fetched; run: segport doctor --setup web"
    return ""


def ensure(progress: Callable[[str], None] = lambda message: None) -> Path:
    """Fetch the packages unless they are there; returns their folder. Processes that want them at the same time wait.

    Raises:
        RunnerError: Node or npm is missing, or npm fails (its integrity check included); the message carries the
            reason.
    """
    folder = web_folder()
    if is_set_up():
        return folder
    program = node()
    if program is None or _node_version(program) < LEAST_NODE or shutil.which("npm") is None:
        raise RunnerError(f"web needs Node {LEAST_NODE} or newer with npm; install them (nodejs.org) and try again")
    if made_once(folder, is_set_up, lambda workspace: _install(workspace, progress), FOLDER_VARIABLE):
        progress(f"web: ready in {folder}")
    if chromium() is None:
        progress(f"web: there is no Chromium; for its backends, install it or name one in {BROWSER_VARIABLE}")
    return folder


def _install(workspace: Path, progress: Callable[[str], None]) -> Path:
    made = workspace / "web"
    made.mkdir()
    for item in ("package.json", "package-lock.json"):
        shutil.copyfile(SCRIPTS / item, made / item)
    progress("web: fetching LiteRT.js and playwright-core")
    # `ci` takes the lock file's versions and refuses anything whose hash is another; no script of a package is run.
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=made, capture_output=True, text=True, errors="replace", timeout=_INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RunnerError(f"npm took over {_INSTALL_SECONDS} s; try again") from error
    if done.returncode:
        raise RunnerError(f"npm could not fetch LiteRT.js: {tail(done.stderr) or tail(done.stdout)}")
    return made


@cache
def _node_version(program: Path) -> int:
    """Return Node's major version; 0 if it does not say."""
    try:
        done = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    major = done.stdout.strip().removeprefix("v").split(".")[0]
    return int(major) if major.isdecimal() else 0
