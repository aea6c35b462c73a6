"""Refuse a run, before any work, that needs what is not installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from converters import MissingToolError, converter
from converters.tools.installed import install_command, is_installed
from toolkit.stages.runtimes import Runtime

if TYPE_CHECKING:
    from converters import ModelSource


def check_converters(formats: Iterable[str], routes: Mapping[str, str] | None, source: ModelSource) -> None:
    """Look for the packages by which each format is made of this source.

    Args:
        formats: target formats.
        routes: format -> route, where the user names one.
        source: the network.

    Raises:
        MissingToolError: some are not installed; names all of them, and the command that installs them.
    """
    lacking = {
        name: [package for package in converter(name).tools(route) if not is_installed(package)]
        for name in dict.fromkeys(formats)
        for route in [(routes or {}).get(name) or converter(name).default_route(source)]
        if route in converter(name).routes  # else the plan refuses it
    }
    lacking = {name: packages for name, packages in lacking.items() if packages}
    if lacking:
        packages = list(dict.fromkeys(package for found in lacking.values() for package in found))
        raise MissingToolError(
            f"{_listed(packages)} {'is' if len(packages) == 1 else 'are'} not installed, and {_listed(list(lacking))}"
            f" cannot be made without; get {'it' if len(packages) == 1 else 'them'} with:"
            f" {install_command(lacking.values())}, or name other --formats"
        )


def check_runtimes(formats: Iterable[str], runtimes: Sequence[Runtime], *, each: bool = True) -> None:
    """Look for one usable runtime for each format that a chosen one takes.

    A format that none of them takes is the user's choice. One with at least one usable runtime is run there, and the
    report names what is absent.

    Args:
        formats: of the files.
        runtimes: those chosen.
        each: every format needs one; else it is enough if there is one for any.

    Raises:
        MissingToolError: there is none that can be used here; gives the reason of each.
    """
    takers = {name: [item for item in runtimes if name in item.runner.formats] for name in dict.fromkeys(formats)}
    taken = {name: chosen for name, chosen in takers.items() if chosen}
    idle = {name: chosen for name, chosen in taken.items() if not any(item.usable for item in chosen)}
    if idle and (each or len(idle) == len(taken)):
        absent = {item.title: item.runner.availability(item.backend).reason for item in chain(*idle.values())}
        raise MissingToolError(
            f"nothing chosen can run {_listed(list(idle))} files here: "
            f"{'; '.join(f'{title}: {reason}' for title, reason in absent.items())}; mend that, or name other --runners"
        )


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else list(names))
