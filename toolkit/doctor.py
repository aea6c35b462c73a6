"""`segport doctor`: converts and runs a tiny network with every tool, because an import proves nothing."""

from __future__ import annotations

import importlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolkit.errors import ExitStatus, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from converters import Artifact, ModelSource
    from quantization.calibration import CalibrationSet

SIDE = 32


@dataclass(frozen=True)
class Finding:
    """One tool on this machine.

    Attributes:
        tool: format and recipe, or runner and backend.
        state: ``works``, ``absent`` (not here, and why) or ``broken`` (here, and failing).
        detail: one sentence.
    """

    tool: str
    state: str
    detail: str


def examine(console: Console) -> int:
    """Print what works, what is absent and what is broken; TOOL_FAILED if anything that is installed fails."""
    from rich.table import Table

    table = Table("tool", "state", "detail", title="segport doctor", title_justify="left")
    colours = {"works": "green", "absent": "yellow", "broken": "red"}
    broken = False
    with console.status("converting and running a tiny network ..."):
        for finding in findings():
            table.add_row(finding.tool, f"[{colours[finding.state]}]{finding.state}[/]", finding.detail)
            broken |= finding.state == "broken"
    console.print(table)
    return ExitStatus.TOOL_FAILED if broken else ExitStatus.PASS


def findings() -> Iterator[Finding]:
    """Convert the tiny network with every default recipe, then run every artifact on every runner and backend."""
    from converters import MissingToolError, converters, make_plan
    from converters.perform import perform
    from quantization import recipes

    source, calibration = tiny_source(), _noise()
    with tempfile.TemporaryDirectory(prefix="segport-doctor-") as folder:
        wanted = [
            (name, recipe) for name in converters() for recipe in recipes().values()
            if name in recipe.formats and not recipe.on_request
        ]  # fmt: skip
        routes = {
            name: item.default_route(source) for name, item in converters().items()
        }  # none may stand in for another
        plan = make_plan(source, wanted, routes=routes, calibration=calibration.digest())
        artifacts: list[Artifact] = []
        for outcome in perform(plan, Path(folder), calibration, {}):
            if outcome.artifact is not None:
                artifacts.append(outcome.artifact)
                yield Finding(outcome.conversion.name, "works", f"converted with {outcome.conversion.route}")
            else:
                state = "absent" if isinstance(outcome.error, MissingToolError) else "broken"
                yield Finding(outcome.conversion.name, state, str(outcome.error))
        yield from _run_everywhere(artifacts)


def _run_everywhere(artifacts: list[Artifact]) -> Iterator[Finding]:
    from validation.errors import RunnerError
    from validation.milrun.errors import MilRunError
    from validation.runner import runners

    picture = _noise().images[0]
    for runner_type in runners().values():
        mine = [artifact for artifact in artifacts if artifact.format in runner_type.formats]
        for backend in runner_type.backends if mine else ():
            tool = f"{runner_type.name} ({backend})"
            state = runner_type.availability(backend)
            if not state.ok:
                yield Finding(tool, "absent", state.reason)
                continue
            try:
                for artifact in mine:
                    with runner_type(artifact, backend) as runner:
                        runner.predict(picture)
            except (RunnerError, MilRunError) as error:
                yield Finding(tool, "broken", str(error))
            else:
                yield Finding(tool, "works", f"ran {', '.join(artifact.name for artifact in mine)}")


def set_up(name: str, console: Console) -> int:
    """Create the separate environment that runner `name` lives in; raises UsageError for a name that has none."""
    from validation.runner import runners

    homes = {key: importlib.import_module(value.__module__) for key, value in runners().items()}
    offered = {key: home.ensure_environment for key, home in homes.items() if hasattr(home, "ensure_environment")}
    if name not in offered:
        raise UsageError(f"there is nothing to set up for {name!r}; choose from: {', '.join(offered)}")
    with console.status(f"setting up {name} ..."):
        offered[name](console.print)
    how = "" if runners()[name].in_default_set() else f" if it is named: --runners {name}"
    console.print(f"{name} is ready; `segport run` uses it from now on{how}.")
    return ExitStatus.PASS


def tiny_source() -> ModelSource:
    """A two-layer network with three classes: enough for every converter to do its work in seconds."""
    import torch

    from converters import ModelSource, PixelRange
    from toolkit.models import palette

    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 3, 1)
    ).eval().requires_grad_(False)  # fmt: skip
    return ModelSource(
        name="tiny", classes=("a", "b", "c"), colours=palette(3), input_size=(SIDE, SIDE), output_size=(SIDE, SIDE),
        pixel_range=PixelRange.UNIT, parameters=251, weights_sha256="0" * 64, origin="segport doctor", module=module,
    )  # fmt: skip


def _noise() -> CalibrationSet:
    from quantization.calibration import CalibrationSet

    images = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8)
    return CalibrationSet(images=images, ids=("0", "1", "2", "3"), origin="noise")
