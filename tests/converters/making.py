"""Converting the small network with every recipe of a format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from converters import Artifact, ModelSource, OutputKind, make_plan
from converters.perform import Outcome, perform
from quantization import recipes
from tests.converters import small_network as small

Made = Callable[..., dict[str, Artifact]]
"""Function: all artifacts of one format by recipe name, for an output kind, a route and a pixel range."""


def convert_all(
    source: ModelSource, format_name: str, output: OutputKind, route: str | None, folder: Path
) -> list[Outcome]:
    pictures = small.calibration()
    wanted = [(format_name, item) for item in recipes().values() if format_name in item.formats]
    plan = make_plan(
        source,
        wanted,
        output=output,
        routes={} if route is None else {format_name: route},
        calibration=pictures.digest(),
    )
    return perform(plan, folder, pictures)


def artifact_of(outcome: Outcome) -> Artifact:
    assert outcome.error is None, outcome.error
    assert outcome.artifact is not None
    return outcome.artifact
