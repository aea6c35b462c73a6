"""Do `segport doctor`: convert and run a tiny network with every tool, because an import proves nothing."""

from __future__ import annotations

import dataclasses
import importlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from converters import Artifact, MissingToolError, ModelSource, PixelRange, Plan, SourceError, converters, make_plan
from converters.conversion.perform import perform
from converters.tools.installed import is_installed
from quantization import recipes
from quantization.calibration import CalibrationSet
from toolkit.errors import ExitStatus, UsageError
from toolkit.isolation.conversions import ConversionProcess
from toolkit.isolation.limits import Limits
from toolkit.isolation.runtimes import isolated, processes_released
from toolkit.models import palette
from toolkit.options import RunOptions
from validation.errors import RunnerError
from validation.milrun.errors import MilRunError
from validation.runners import runners

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rich.console import Console


SIDE = 32


PHONES = ("tflite", "coreml")
"""Formats of phones: to make and run one of them is what segport is for."""


@dataclass(frozen=True)
class Tool:
    """Tell how one tool does on this machine.

    Attributes:
        name: format and recipe, or runner and backend.
        state: ``works``, ``absent`` (not here, and why) or ``broken`` (here, and failing).
        detail: one sentence.
        makes: format of the file that it converts to; empty for a runtime.
        runs: formats of the files that it ran.
    """

    name: str
    state: str
    detail: str
    makes: str = ""
    runs: tuple[str, ...] = ()


def examine(console: Console) -> int:
    """Print what works, what is absent and what is broken.

    Returns:
        TOOL_FAILED if anything that is installed fails; NOT_INSTALLED if no file for phones can be both made and run
        here.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table("tool", "state", "detail", title="segport doctor", title_justify="left")
    colours = {"works": "green", "absent": "yellow", "broken": "red"}
    found = []
    with console.status("converting and running a tiny network ..."):
        for tool in tools():
            found.append(tool)
            # Details quote commands such as pip install 'segport[tflite]': brackets are text.
            table.add_row(Text(tool.name), Text(tool.state, style=colours[tool.state]), Text(tool.detail))
    console.print(table)
    if any(tool.state == "broken" for tool in found):
        return ExitStatus.TOOL_FAILED
    if serves_phones(found):
        return ExitStatus.PASS
    advice = (
        "No file for phones can be made and run here; get what that needs with: pip install 'segport[coreml,tflite]'"
    )
    console.print(Text(advice, style="red"), soft_wrap=True)
    return ExitStatus.NOT_INSTALLED


def serves_phones(found: Iterable[Tool]) -> bool:
    """Say whether TFLite or Core ML files can be both made and run."""
    working = [tool for tool in found if tool.state == "works"]
    made, run = {tool.makes for tool in working}, {name for tool in working for name in tool.runs}
    return any(name in made & run for name in PHONES)


def tools() -> Iterator[Tool]:
    """Convert the tiny network by every route, then run every artifact on every runner and backend.

    The usual route of the torch network makes every default recipe, the others the first of them. All of it happens in
    processes of their own, so that a tool that crashes is broken and nothing more.
    """
    if not is_installed("torch"):
        yield Tool("torch", "absent", "torch is not installed; get it with: pip install segport")
        return

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
                    yield Tool(name, "works", "converted", makes=conversion.format)
                else:
                    state = "absent" if isinstance(outcome.error, MissingToolError) else "broken"
                    yield Tool(name, state, str(outcome.error))
        yield from _run_everywhere(list(artifacts.values()))


def _limits() -> Limits:

    return Limits.of(RunOptions().time_limit, None)


def _every_plan(calibration: CalibrationSet, made: Mapping[str, Artifact]) -> Iterator[Plan]:
    """Make plans that begin with a torch network, then those that begin with the ONNX file among what these have `made`
    by then.
    """
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
    """Make a plan for each converter's every route that begins with such a source; none may stand in for another."""

    for name, target in converters().items():
        usual = target.default_route(source)
        pairs = [(name, recipe) for recipe in recipes().values() if name in recipe.formats and not recipe.on_request]
        for route in (usual, *(other for other in target.routes if other != usual)):
            wanted = pairs if route == usual and source.module is not None else pairs[:1]
            try:
                yield make_plan(source, wanted, routes={name: route}, calibration=calibration.digest())
            except SourceError:  # it begins with the other kind of source
                continue


def _run_everywhere(artifacts: list[Artifact]) -> Iterator[Tool]:

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
                ran = ", ".join(artifact.name for artifact in mine)
                yield Tool(tool, "works", f"ran {ran}", runs=tuple({artifact.format for artifact in mine}))


def set_up(name: str, console: Console) -> int:
    """Create the separate environment that runner `name` lives in; raises UsageError for a name that has none."""

    homes = {key: importlib.import_module(value.__module__) for key, value in runners().items()}
    offered = {key: home.ensure_environment for key, home in homes.items() if hasattr(home, "ensure_environment")}
    if name not in offered:
        raise UsageError(f"there is nothing to set up for {name!r}; choose from: {', '.join(offered)}")

    def tell(text: str) -> None:
        console.print(text, markup=False)

    with console.status(f"setting up {name} ..."):
        offered[name](tell)
    how = "" if runners()[name].in_default_set() else f" if it is named: --runners {name}"
    tell(f"{name} is ready; `segport run` uses it from now on{how}.")
    return ExitStatus.PASS


def tiny_source() -> ModelSource:
    """Make a two-layer network with three classes: enough for every converter to do its work in seconds."""
    import torch

    torch.manual_seed(0)
    module = (
        torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 3, 1))
        .eval()
        .requires_grad_(False)
    )
    return ModelSource(
        name="tiny",
        classes=("a", "b", "c"),
        colours=palette(3),
        input_size=(SIDE, SIDE),
        output_size=(SIDE, SIDE),
        pixel_range=PixelRange.UNIT,
        parameters=251,
        weights_sha256="0" * 64,
        origin="segport doctor",
        module=module,
    )


def _noise() -> CalibrationSet:

    images = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8)
    return CalibrationSet(images=images, ids=("0", "1", "2", "3"), origin="noise")
