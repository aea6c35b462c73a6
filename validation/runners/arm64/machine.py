"""An ARM64 machine made of files: QEMU's user-mode emulator, a small Debian for ARM64, LiteRT, and a counting plugin.

It lies in ``$SEGPORT_ARM64`` if set, else in ``arm64`` of segport's cache folder, complete or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from validation.errors import RunnerError
from validation.runners.arm64.packages import Apt, call, keep_only, unpack_wheels
from validation.runners.arm64.profiles import PROFILES, CpuProfile
from validation.runners.base.other_interpreter.environment import cache_folder, made_once

FOLDER_VARIABLE = "SEGPORT_ARM64"
QEMU_VERSION = "7.2"
"""The plugin interface that `count_instructions.c` declares; Debian 12 has it."""
EMULATOR = ("qemu-user",)
SYSTEM = ("python3.11-minimal", "libpython3.11-stdlib", "libstdc++6", "libgcc-s1", "libc6")
WHEELS = ("ai-edge-litert==2.3.0", "numpy==2.3.5")
PLUGIN_SOURCE = Path(__file__).with_name("count_instructions.c")
TOOLS = ("apt-get", "dpkg-deb", "gcc")
_LIBRARIES = "lib/x86_64-linux-gnu"
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}
"""Fixed, so that every run executes the same instructions."""
_CPU_LISTS = ("possible", "present", "online")


def machines_folder() -> Path:
    """Return the folder that holds all that is set up here for ARM64; it may not exist yet."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen).expanduser().absolute() if chosen else cache_folder() / "arm64"


def unsupported() -> str:
    """Say why this computer cannot have the machine, whatever is installed; empty if it can."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        return "it emulates ARM64 on Linux for x86-64, and this is another system"
    return ""


@dataclass(frozen=True)
class Start:
    """How to start Python inside the machine: see `WorkerProcess`."""

    launcher: tuple[str, ...]
    python: Path
    flags: tuple[str, ...]
    environment: Mapping[str, str]


class Machine:
    """The machine of this version of segport, whether or not it has been made."""

    @property
    def folder(self) -> Path:
        """Return where the machine lies.

        The name changes with all that it is made from, so that an old one is never used.
        """
        made_from = json.dumps([EMULATOR, SYSTEM, WHEELS, [(p.name, p.cpuinfo) for p in PROFILES.values()]])
        content = made_from.encode() + PLUGIN_SOURCE.read_bytes()
        return machines_folder() / f"qemu{QEMU_VERSION}-{hashlib.sha256(content).hexdigest()[:12]}"

    def exists(self) -> bool:
        """Tell whether the machine is complete: it gets its final name only after it has proven itself."""
        return (self.folder / "installed.json").is_file()

    def installed(self) -> dict[str, str]:
        """Versions of what it is made from, by package; `qemu-user` among them."""
        found: dict[str, str] = json.loads((self.folder / "installed.json").read_text(encoding="utf-8"))
        return found

    def start(self, profile: CpuProfile, counts: Path | None = None) -> Start:
        """Return the command that starts Python on one of its CPUs.

        `counts` is where the plugin writes, None leaves it out.
        """
        return _start(self.folder, profile, counts)

    def ensure(self, progress: Callable[[str], None] = lambda message: None) -> Path:
        """Make the machine unless it exists; returns its folder. Processes that want it at the same time wait.

        Raises:
            RunnerError: this computer cannot have it, a tool is missing, or a download fails; the message carries the
                reason.
        """
        if self.exists():
            return self.folder
        missing = [tool for tool in TOOLS if shutil.which(tool) is None]
        if unsupported():
            raise RunnerError(f"arm64 cannot be set up: {unsupported()}")
        if missing:
            raise RunnerError(f"arm64 needs {', '.join(missing)} to be set up; use Debian 12, or a container with it")
        if made_once(self.folder, self.exists, lambda workspace: _build(workspace, progress), FOLDER_VARIABLE):
            progress(f"arm64: ready in {self.folder}")
        return self.folder


def _build(workspace: Path, progress: Callable[[str], None]) -> Path:
    made = workspace / "machine"
    made.mkdir()
    progress("arm64: looking up Debian's packages")
    versions = _unpack_debian(Apt(workspace / "apt"), made, workspace, progress)
    progress(f"arm64: downloading {', '.join(WHEELS)}")
    unpack_wheels(WHEELS, made / "site", workspace)
    progress("arm64: compiling the plugin that counts instructions")
    _compile_plugin(made)
    for profile in PROFILES.values():
        _write_profile(made, profile)
        progress(f"arm64: starting LiteRT on {profile.name}")
        _prove(made, profile, workspace)
    versions |= dict(item.split("==") for item in WHEELS)
    (made / "installed.json").write_text(json.dumps(versions, indent=1) + "\n", encoding="utf-8")
    return made


def _unpack_debian(apt: Apt, made: Path, workspace: Path, progress: Callable[[str], None]) -> dict[str, str]:
    emulator, system = apt.needed(EMULATOR, "amd64"), apt.needed(SYSTEM, "arm64")
    progress(f"arm64: downloading {len(emulator) + len(system)} packages")
    versions = apt.unpack(emulator, made / "host", workspace / "emulator")
    version = call([*_emulator(made), "--version"], "start QEMU").splitlines()[0]
    if f"version {QEMU_VERSION}" not in version:
        raise RunnerError(f"arm64 needs QEMU {QEMU_VERSION} as Debian 12 has it, but apt offers {version!r}")
    keep_only(made / "host", ("usr/bin/qemu-aarch64", _LIBRARIES, f"usr/{_LIBRARIES}"))
    versions |= {
        f"{name}:arm64": version for name, version in apt.unpack(system, made / "sysroot", workspace / "system").items()
    }
    keep_only(made / "sysroot", ("lib", "usr/lib", "usr/bin/python3.11"))
    return versions


def _compile_plugin(made: Path) -> None:
    output = made / "count_instructions.so"
    call(
        [
            "gcc",
            "-O2",
            "-Wall",
            "-Werror",
            "-fPIC",
            "-shared",
            "-fvisibility=hidden",
            "-o",
            str(output),
            str(PLUGIN_SOURCE),
        ],
        "compile the plugin that counts instructions",
    )


def _write_profile(made: Path, profile: CpuProfile) -> None:
    """Make a root folder of its own for a CPU: the common files by links, and what tells the CPUs apart."""
    root = made / "profiles" / profile.name
    processors = root / "sys" / "devices" / "system" / "cpu"
    for folder in (processors, root / "proc"):
        folder.mkdir(parents=True)
    for name in ("lib", "usr"):
        (root / name).symlink_to(Path("..") / ".." / "sysroot" / name)
    (root / "proc" / "cpuinfo").write_text(profile.cpuinfo, encoding="ascii")
    for name in _CPU_LISTS:
        (processors / name).write_text("0\n", encoding="ascii")


def _prove(made: Path, profile: CpuProfile, workspace: Path) -> None:
    """Import LiteRT with the plugin loaded; compiled modules stay beside their sources, which quickens later starts."""
    start = _start(made, profile, workspace / "counts")
    writing = [flag for flag in start.flags if flag != "-B"]
    variables = [f"{name}={value}" for name, value in start.environment.items()]
    program = "import ai_edge_litert.interpreter, numpy"
    call(
        ["env", "-i", *variables, *start.launcher, str(start.python), *writing, "-c", program],
        f"start LiteRT on {profile.name}",
    )


def _emulator(folder: Path) -> tuple[str, ...]:
    """Return the command of QEMU with the libraries it was built with, whatever this computer has."""
    host = folder / "host"
    libraries = f"{host / _LIBRARIES}:{host / 'usr' / _LIBRARIES}"
    loader = host / _LIBRARIES / "ld-linux-x86-64.so.2"
    return (str(loader), "--library-path", libraries, str(host / "usr" / "bin" / "qemu-aarch64"))


def _start(folder: Path, profile: CpuProfile, counts: Path | None) -> Start:
    launcher = [*_emulator(folder), "-L", str(folder / "profiles" / profile.name), "-cpu", profile.qemu_cpu]
    if counts is not None:
        plugin = [str(folder / "count_instructions.so"), f"out={counts}"]
        launcher += ["-plugin", ",".join(part.replace(",", ",,") for part in plugin)]
    environment = {**_ENVIRONMENT, "PYTHONPATH": str(folder / "site")}
    # -S and -s keep modules of this computer out; bytecode was written at set-up.
    return Start(
        tuple(launcher), folder / "sysroot" / "usr" / "bin" / "python3.11", ("-S", "-s", "-P", "-B"), environment
    )


MACHINE = Machine()
