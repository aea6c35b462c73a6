"""The phone to use, what it is, and whether the user's `benchmark_model` is for it."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from validation.results.facts import OtherMachine
from validation.runners.android.server import AdbError, AdbServer, Attached

SERIAL_VARIABLE = "ANDROID_SERIAL"
TOOL_VARIABLE = "SEGPORT_ANDROID_BENCHMARK"
FOLDER = "/data/local/tmp"
"""Where the shell user may write and execute."""
_ELF_MACHINES = {183: "arm64-v8a", 40: "armeabi-v7a", 62: "x86_64", 3: "x86", 243: "riscv64"}
"""e_machine of an ELF header, by Android's name of the instruction set."""
_PROPERTIES = (
    "ro.product.manufacturer",
    "ro.product.model",
    "ro.build.version.release",
    "ro.product.cpu.abilist",
    "ro.soc.model",
)
_ASK_SECONDS = 10.0


@dataclass(frozen=True)
class Phone:
    """A phone that can be used.

    Attributes:
        server: through which it is reached.
        serial: how adb calls it.
    """

    server: AdbServer
    serial: str

    def facts(self) -> PhoneFacts:
        """Ask the phone what it is; raises AdbError if it does not say."""
        answer = self.server.shell(self.serial, "; ".join(f"getprop {name}" for name in _PROPERTIES), _ASK_SECONDS)
        lines = [line.strip() for line in answer.stdout.splitlines()]
        if len(lines) != len(_PROPERTIES):
            raise AdbError(f"{self.serial} does not tell its properties; see `adb shell getprop`")
        maker, model, release, abis, chip = lines
        return PhoneFacts(
            model if model.lower().startswith(maker.lower()) else f"{maker} {model}",
            release,
            tuple(abis.split(",")),
            chip,
        )


@dataclass(frozen=True)
class PhoneFacts:
    """What a phone says of itself.

    Attributes:
        name: maker and model.
        android: release, e.g. ``"14"``.
        abis: instruction sets it executes, the preferred one first.
        chip: its system on a chip; empty before Android 12.
    """

    name: str
    android: str
    abis: tuple[str, ...]
    chip: str

    @property
    def machine(self) -> OtherMachine:
        """Describe the phone as reports do."""
        name = f"{self.name} (Android {self.android})"
        return OtherMachine(name, "Android", self.android, chip=self.chip, model=self.name)


def find_phone(server: AdbServer) -> Phone:
    """Find the phone that `ANDROID_SERIAL` names, or the only one there is.


    Raises:
        AdbError: no server, no phone, several without a choice, or one that cannot be used now.
    """
    attached = server.attached()
    named = os.environ.get(SERIAL_VARIABLE)
    there = ", ".join(map(str, attached))
    if named:
        chosen = next((item for item in attached if item.serial == named), None)
        if chosen is None:
            raise AdbError(f"no phone {named} is attached ({SERIAL_VARIABLE}; attached: {there or 'none'}); attach it")
    elif not attached:
        raise AdbError("no phone is attached; attach one with USB debugging on (docs/runtimes/android.md)")
    else:
        usable = [item for item in attached if item.state == "device"]
        if len(usable) > 1:
            raise AdbError(
                f"{len(usable)} phones are attached ({', '.join(map(str, usable))}); set {SERIAL_VARIABLE} to one"
            )
        chosen = usable[0] if usable else attached[0]
    _check_usable(chosen)
    return Phone(server, chosen.serial)


_STATES = {
    "unauthorized": "has not been told to trust this computer; unlock it and accept the question on its screen",
    "authorizing": "is still being asked whether it trusts this computer; unlock it and accept",
    "offline": "is offline; plug it in again, or run: adb reconnect",
    "no permissions": (
        "may not be opened by this user; add a udev rule (Debian and Ubuntu: apt install "
        "android-sdk-platform-tools-common)"
    ),
}


def _check_usable(phone: Attached) -> None:
    if phone.state == "device":
        return
    said = next((text for state, text in _STATES.items() if phone.state.startswith(state)), None)
    raise AdbError(f"{phone} {said or f'is in state {phone.state!r}; start Android on it'}")


def find_tool() -> Path:
    """Find the user's `benchmark_model`, an Android program for some processor.


    Raises:
        AdbError: none is named, or the file is not one.
    """
    named = os.environ.get(TOOL_VARIABLE)
    if not named:
        raise AdbError(
            f"LiteRT's benchmark_model is not named; set {TOOL_VARIABLE} to its path (docs/runtimes/android.md)"
        )
    tool = Path(named).expanduser()
    if not tool.is_file():
        raise AdbError(
            f"{TOOL_VARIABLE} names {tool}, which is no file; see docs/runtimes/android.md on where to get it"
        )
    built_for(tool)
    return tool


def built_for(tool: Path) -> str:
    """Return Android's name of the instruction set that a program is for; AdbError if it is for none of them."""
    with tool.open("rb") as file:
        header = file.read(20)
    order = {1: "<", 2: ">"}.get(header[5] if len(header) == 20 and header[:4] == b"\x7fELF" else 0)
    found = None if order is None else _ELF_MACHINES.get(struct.unpack(f"{order}H", header[18:20])[0])
    if found is None:
        raise AdbError(
            f"{tool} is no Android program; give LiteRT's benchmark_model for the phone (docs/runtimes/android.md)"
        )
    return found


def check_fits(tool: Path, phone: PhoneFacts) -> None:
    """Raise AdbError unless the phone can execute the tool."""
    made_for = built_for(tool)
    if made_for not in phone.abis:
        raise AdbError(
            f"{tool} is for {made_for} and the {phone.name} executes {', '.join(phone.abis)}; get the one for "
            f"{phone.abis[0]}"
        )
