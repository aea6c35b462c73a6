"""A converter and a runtime that misbehave in the way their recipe's name says, offered through entry points.

`make_*` recipes misbehave while converting, `run_*` while the artifact is run, `make_fine` not at all.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from converters import ImageInput, Layout, MapOutput, ModelSource
from converters.contract import Converter, Job, Written
from quantization import AccuracyLimits, ActivationRange, NumberType, Recipe
from validation.results.facts import Availability
from validation.runners.base.contract import Runner

NAMES = (
    "make_segfault",
    "make_abort",
    "make_hang",
    "make_eater",
    "make_fine",
    "run_segfault",
    "run_abort",
    "run_hang",
    "run_eater",
)
STARTED = "SEGPORT_TEST_STARTED"
"""Environment variable: a file that a hanging part makes as soon as it hangs."""


def misbehave(how: str) -> None:
    """Do it; returns only for ways that are none."""
    print(f"about to {how}", file=sys.stderr, flush=True)
    if how == "segfault":
        ctypes.string_at(0)
    elif how == "abort":
        os.abort()
    elif how == "hang":
        if STARTED in os.environ:
            Path(os.environ[STARTED]).touch()
        time.sleep(3600)
    elif how == "eater":
        held = []
        while True:
            held.append(np.ones(50_000_000, np.uint8))


class HostileConverter(Converter):
    """Writes a few bytes."""

    format = "hostile"
    suffix = ".hostile"
    routes = ("only",)

    def tools(self, route: str) -> tuple[str, ...]:
        return ("numpy",)

    def default_route(self, source: ModelSource) -> str:
        return "only"

    def convert(self, job: Job) -> Written:
        source = job.source
        stage, how = job.recipe.name.split("_")
        job.destination.write_bytes(b"half of it")
        if stage == "make":
            misbehave(how)
        height, width = source.input_size
        return Written(
            image=ImageInput("image", height, width, source.pixel_range, Layout.NCHW),
            output=MapOutput(
                "logits", *source.output_size, len(source.classes), job.output, Layout.NCHW, dtype="float32"
            ),
            provenance={},
        )


class HostileRunner(Runner):
    """Says the first class everywhere."""

    name: ClassVar[str] = "hostile"
    formats: ClassVar[tuple[str, ...]] = ("hostile",)
    backends: ClassVar[tuple[str, ...]] = ("cpu",)

    @classmethod
    def availability(cls, backend: str) -> Availability:
        return Availability(True)

    @classmethod
    def memory_reason(cls, backend: str) -> str:
        return "of no interest"

    def _open(self) -> None:
        """Nothing to open."""

    def _feed(self, image: NDArray[np.uint8]) -> None:
        """Nothing to feed."""

    def _invoke(self) -> None:
        stage, how = self.artifact.recipe.split("_")
        if stage == "run":
            misbehave(how)

    def _fetch(self) -> NDArray[Any]:
        output = self.artifact.output
        answer = np.zeros((1, output.classes, output.height, output.width), np.float32)
        answer[:, 0] = 1
        return answer


CONVERTER = HostileConverter()
for _name in NAMES:
    globals()[_name.upper()] = Recipe(
        name=_name,
        summary="for a test",
        weights=NumberType.FLOAT32,
        activations=NumberType.FLOAT32,
        activation_range=ActivationRange.NONE,
        formats=("hostile",),
        limits=AccuracyLimits(miou_drop=1.0, class_drop=1.0),
        on_request=True,
    )


def install(folder: Path) -> Path:
    """Make `folder` a place on the module path where these entry points are found."""
    info = folder / "hostile-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1\n")
    recipes = "\n".join(f"{name} = {__name__}:{name.upper()}" for name in NAMES)
    (info / "entry_points.txt").write_text(
        f"[segport.recipes]\n{recipes}\n[segport.formats]\nhostile = {__name__}:CONVERTER\n"
        f"[segport.runners]\nhostile = {__name__}:HostileRunner\n"
    )
    return folder
