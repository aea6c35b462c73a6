"""`segport inspect`: what is inside one artifact, what accelerators take of it, where it departs from its float reference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from validation.departure import Departure

EXAMPLES = (
    "Examples: [bold]segport inspect runs/latest/artifacts/tflite-int8_static.tflite[/]  |  "
    "[bold]segport inspect net.tflite --lint[/]  |  [bold]segport inspect net.tflite --profile[/]  |  [bold]segport inspect net.mlpackage --compare fp-liif-face11[/]"
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
    if lint:
        return _lint(artifact, as_json)
    if profile:
        from toolkit.cli.inspecting import show_profile

        return show_profile(artifact, backend, threads, as_json)
    if memory:
        from toolkit.cli.inspecting import show_memory

        return show_memory(artifact, as_json)
    if compare is not None:
        return _compare(artifact, compare, images, dataset, threshold, as_json)
    if as_json:
        from toolkit.errors import UsageError

        raise UsageError("--json goes with --compare, --lint, --profile or --memory; add one of them")
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from converters.inspect import describe

    table = Table(title=Text(str(artifact)), show_header=False, title_justify="left")
    section = None
    for fact in describe(artifact):
        if fact.section != section:
            section = fact.section
            table.add_section()
            table.add_row(Text(section, style="bold"), "")
        # Names come from the file: they are text, whatever brackets are in them.
        table.add_row(Text(fact.key), Text(fact.value))
    Console().print(table)
    return 0


def _lint(artifact: Path, as_json: bool) -> int:
    import json

    from rich.console import Console

    from converters.lint.linting import lint

    found = lint(artifact)
    if as_json:
        typer.echo(json.dumps([report.to_json() for report in found], indent=2))
        return 0
    console = Console()
    if not found:
        console.print(f"No target of the lint runs {artifact.suffix} files.", highlight=False)
    for report in found:
        console.print(report.sentence, style="bold", highlight=False, markup=False, soft_wrap=True)
        for item in report.findings:
            split = "" if item.splits else " (does not split the graph)"
            console.print(
                f"  {', '.join(f'{count} {op}' for op, count in item.operations.items())}: {item.reason}{split}\n    first: {item.where[0]}\n    instead: {item.rewrite}\n"
                f"    source: {item.source}",
                highlight=False, markup=False, soft_wrap=True,
            )  # fmt: skip
        console.print(f"  note: {report.caveat}", style="dim", highlight=False, markup=False, soft_wrap=True)
    return 0


def _compare(artifact: Path, against: str, images: int, dataset: str, threshold: float, as_json: bool) -> int:
    import json

    from toolkit.departure import compare, to_json

    found = compare(artifact, against, images, dataset, threshold)
    if as_json:
        typer.echo(json.dumps(to_json(found), indent=2))
    else:
        _show(found)
    return 0


def _show(found: Departure) -> None:
    from rich.console import Console
    from rich.table import Table

    from toolkit.departure import in_words, verdict

    title = f"{found.candidate} against {found.reference}, {found.pictures} pictures, SQNR in dB"
    table = Table("", "operation", "op", title=title, title_justify="left")
    for heading in ("as stored", "in float32", "lost here"):
        table.add_column(heading, justify="right")
    for item in found.operations:
        style = "bold red" if found.first is not None and item.number == found.first.number else None
        decibels = (in_words(item.sqnr_db) or item.note, in_words(item.float32_db), in_words(item.lost_db))
        table.add_row(str(item.number), item.name, item.kind, *decibels, style=style)
    console = Console()
    console.print(table, highlight=False)
    for output in found.outputs:
        classes = "" if output.same_class is None else f", same class at {output.same_class:.2%} of the pixels"
        line = f"output {output.name} against {output.against}: {in_words(output.sqnr_db)} dB{classes}"
        console.print(line, highlight=False, soft_wrap=True)
    console.print(verdict(found), highlight=False, soft_wrap=True)


COMMAND = inspect
