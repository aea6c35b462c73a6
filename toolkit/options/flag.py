"""Say how an option looks on the command line. It stands in the `Annotated` type of the option's field."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Panel(StrEnum):
    """Name a box of related options in `--help`; the value is its title."""

    NETWORK = "Network"
    PICTURES = "Pictures"
    CALIBRATION = "Calibration"
    CONVERSION = "Conversion"
    RUNTIMES = "Runtimes"
    GATES = "Gates"
    PROCESSES = "Processes"
    FILES = "Files"


@dataclass(frozen=True)
class Flag:
    """Describe the flag of one option.

    Attributes:
        panel: box of `--help` that shows it.
        short: one-letter form, such as ``-m``; empty for none.
        name: long form, if it is not the field's name.
        alias: a second long form; empty for none.
        metavar: shown in the place of the value; empty for the type's own.
        switch: of a truth value: the flag can only turn it on, so there is no ``--no-`` form.
    """

    panel: Panel | None = None
    short: str = ""
    name: str = ""
    alias: str = ""
    metavar: str = ""
    switch: bool = False
