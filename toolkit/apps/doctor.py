"""`segport doctor`: converts and runs a tiny network with every tool, because an import proves nothing."""

from __future__ import annotations

import dataclasses
import importlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolkit.errors import ExitStatus, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from converters import Artifact, ModelSource, Plan
    from quantization.calibration import CalibrationSet
    from toolkit.isolation.limits import Limits

SIDE = 32


@dataclass(frozen=True)
class Tool:
    """One tool on this machine.

    Attributes:
        name: format and recipe, or runner and backend.
        state: ``works``, ``absent`` (not here, and why) or ``broken`` (here, and failing).
        detail: one sentence.
    """

    name: str
    state: str
    detail: str


def examine(console: Console) -> int:
    """Print what works, what is absent and what is broken; TOOL_FAILED if anything that is installed fails."""
    from rich.table import Table

    table = Table("tool", "state", "detail", title="segport doctor", title_justify="left")
    colours = {"works": "green", "absent": "yellow", "broken": "red"}
    broken = False
    with console.status("converting and running a tiny network ..."):
        for tool in tools():
            table.add_row(tool.name, f"[{colours[tool.state]}]{tool.state}[/]", tool.detail)
            broken |= tool.state == "broken"
    console.print(table)
    return ExitStatus.TOOL_FAILED if broken else ExitStatus.PASS


def tools() -> Iterator[Tool]:
    """Convert the tiny network by every route, then run every artifact on every runner and backend.

    The usual route of the torch network makes every default recipe, the others the first of them. All of it happens in processes of their own, so that
    a tool that crashes is broken and nothing more.
    """
    from converters import MissingToolError
    from converters.conversion.perform import perform
    from toolkit.isolation.conversions import ConversionProcess
    from toolkit.isolation.runtimes import processes_released

    calibration = _noise()
    artifacts: dict[str, Artifact] = {}
    with (
        tempfile.TemporaryDirectory(prefix="segport-doctor-") as folder,
        ConversionProcess(_limits()) as elsewhere,
        processes_released(),
    ):
        for number, plan in enumerate(_every_plan(calibration, artifacts)):
            for outcome in perform(plan, Path(folder) / f"{number}", calibration, {}, convert=elsewhere):
                conversion = outcome.conversion
                name = f"{conversion.name} ({conversion.route})"
                if outcome.artifact is not None:
                    artifacts.setdefault(conversion.name, outcome.artifact)
                    yield Tool(name, "works", "converted")
                else:
                    state = "absent" if isinstance(outcome.error, MissingToolError) else "broken"
                    yield Tool(name, state, str(outcome.error))
        yield from _run_everywhere(list(artifacts.values()))


def _limits() -> Limits:
    from toolkit.isolation.limits import Limits
    from toolkit.options import RunOptions

    return Limits.of(RunOptions().time_limit, None)


def _every_plan(calibration: CalibrationSet, made: Mapping[str, Artifact]) -> Iterator[Plan]:
    """Plans that begin with a torch network, then those that begin with the ONNX file among what these have `made` by then."""
    begun: set[tuple[str, str]] = set()
    for plan in _plans(tiny_source(), calibration):
        begun |= {(item.format, item.route) for item in plan.conversions}
        yield plan
    graph = next((item for item in made.values() if item.format == "onnx"), None)
    if graph is None:
        return
    source = dataclasses.replace(tiny_source(), module=None, onnx_path=graph.path, weights_sha256=graph.sha256)
    for plan in _plans(source, calibration):
        if not begun & {(item.format, item.route) for item in plan.conversions}:
            yield plan


def _plans(source: ModelSource, calibration: CalibrationSet) -> Iterator[Plan]:
    """A plan for each converter's every route that begins with such a source; none may stand in for another."""
    from converters import SourceError, converters, make_plan
    from quantization import recipes

    for name, target in converters().items():
        usual = target.default_route(source)
        pairs = [
            (name, recipe) for recipe in recipes().values() if name in recipe.formats and not recipe.on_request
        ]  # fmt: skip
        for route in (usual, *(other for other in target.routes if other != usual)):
            wanted = pairs if route == usual and source.module is not None else pairs[:1]
            try:
                yield make_plan(source, wanted, routes={name: route}, calibration=calibration.digest())
            except SourceError:  # it begins with the other kind of source
                continue


def _run_everywhere(artifacts: list[Artifact]) -> Iterator[Tool]:
    from toolkit.isolation.runtimes import isolated
    from validation.errors import RunnerError
    from validation.milrun.errors import MilRunError
    from validation.runners import runners

    picture = _noise().images[0]
    for runner_type in runners().values():
        mine = [artifact for artifact in artifacts if artifact.format in runner_type.formats]
        for backend in runner_type.backends if mine else ():
            tool = f"{runner_type.name} ({backend})"
            state = runner_type.availability(backend)
            if not state.ok:
                yield Tool(tool, "absent", state.reason)
                continue
            try:
                for artifact in mine:
                    with isolated(runner_type, _limits())(artifact, backend) as runner:
                        runner.predict(picture)
            except (RunnerError, MilRunError) as error:
                yield Tool(tool, "broken", str(error))
            else:
                yield Tool(tool, "works", f"ran {', '.join(artifact.name for artifact in mine)}")


def set_up(name: str, console: Console) -> int:
    """Create the separate environment that runner `name` lives in; raises UsageError for a name that has none."""
    from validation.runners import runners

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
