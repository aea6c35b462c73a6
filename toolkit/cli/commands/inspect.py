"""`segport inspect`: what is inside one artifact, what accelerators take of it, where it departs from its float
reference.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from toolkit.errors import UsageError

EXAMPLES = (
    "Examples: [bold]segport inspect runs/latest/artifacts/tflite-int8_static.tflite[/]  |  "
    "[bold]segport inspect net.tflite --lint[/]  |  [bold]segport inspect net.tflite --profile[/]  |  "
    "[bold]segport inspect net.mlpackage --compare fp-liif-face11[/]"
)


def inspect(
    artifact: Annotated[Path, typer.Argument(help="A .tflite, .mlpackage or .onnx.")],
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            help="Core ML only: a float32 .mlpackage of the same network, or the network as --model of the other "
            "commands takes it. Shows the noise after every operation.",
        ),
    ] = None,
    images: Annotated[int, typer.Option("--images", "-n", help="How many pictures --compare runs.")] = 2,
    dataset: Annotated[str, typer.Option("--dataset", "-d", help="Where they come from.")] = "synthetic-faces",
    threshold: Annotated[
        float,
        typer.Option(help="dB below which an operation departs. 30: noise of 3 % of the signal's amplitude."),
    ] = 30.0,
    lint: Annotated[
        bool,
        typer.Option("--lint", help="What phones' accelerators are known not to take of it, and where it would split."),
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="TFLite only: run it on noise and show how long every operation takes.")
    ] = False,
    backend: Annotated[
        str, typer.Option("--backend", help="LiteRT backend of --profile: xnnpack, xnnpack-fp16, builtin or reference.")
    ] = "xnnpack",
    threads: Annotated[int, typer.Option("--threads", "-t", min=1, help="Threads of --profile.")] = 1,
    memory: Annotated[
        bool,
        typer.Option("--memory", help="TFLite only: memory its activations need, worked out from the file, and where."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what --compare, --lint, --profile or --memory finds as JSON.")
    ] = False,
) -> int:
    """Print what an artifact holds, read from the file itself; with --compare, which operation departs first."""
    from toolkit.apps.inspect.showing import show_content, show_lint, show_memory, show_profile

    if lint:
        return show_lint(artifact, as_json)
    if profile:
        return show_profile(artifact, backend, threads, as_json)
    if memory:
        return show_memory(artifact, as_json)
    if compare is not None:
        return _compare(artifact, compare, images, dataset, threshold, as_json)
    if as_json:
        raise UsageError("--json goes with --compare, --lint, --profile or --memory; add one of them")
    return show_content(artifact)


def _compare(artifact: Path, against: str, images: int, dataset: str, threshold: float, as_json: bool) -> int:
    from toolkit.apps.inspect.departure import compare, to_json
    from toolkit.apps.inspect.showing import show_departure

    departure = compare(artifact, against, images, dataset, threshold)
    if as_json:
        typer.echo(json.dumps(to_json(departure), indent=2))
    else:
        show_departure(departure)
    return 0


COMMAND = inspect
