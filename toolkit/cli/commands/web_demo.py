"""`segport web-demo`: a folder with a page that segments photographs in the browser."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.parameters import Given, Quiet, taking
from toolkit.cli.screen import Screen
from toolkit.errors import UsageError

EXAMPLES = (
    "Examples: [bold]segport web-demo --out demo[/]  |  [bold]segport web-demo --run runs/latest --convert --out "
    "demo[/]  |  "
    "[bold]segport web-demo net-256.tflite net-512.tflite --classes names.txt --sample street.jpg --out demo[/]  |  "
    "then [bold]python -m http.server --directory demo[/]"
)


@taking("classes", "pixel_range")
def web_demo(
    given: Given,
    artifacts: Annotated[
        list[Path] | None, typer.Argument(help=".tflite files; left out, those of --run.", show_default=False)
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            help="Output folder of `segport run` or `segport convert`.  \\[default: runs/demo]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder to make; a demo that lies there is replaced.")
    ] = Path("web-demo"),
    convert: Annotated[
        bool,
        typer.Option(
            "--convert", help="Make files of --run that LiteRT.js does not take (8-bit pictures) again for it."
        ),
    ] = False,
    sample: Annotated[
        list[Path] | None,
        typer.Option("--sample", help="A picture to start with, several times; default: drawn faces."),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Export a web page that segments photographs with LiteRT.js, with everything it needs: for any static server, and
    phones.
    """
    from toolkit.apps.web_demo.choosing import chosen_files, chosen_from_run
    from toolkit.apps.web_demo.exporting import export

    screen = Screen(quiet)
    if artifacts and (run is not None or convert):
        raise UsageError("give .tflite files, or --run (with or without --convert), not both")
    if not artifacts and (any(value is not None for value in given.values())):
        raise UsageError("--classes and --pixel-range are for .tflite files; a run folder's manifest says both")
    choosing = (
        nullcontext(chosen_files(artifacts, given["classes"] and Path(given["classes"]), given["pixel_range"]))
        if artifacts
        else chosen_from_run(run or Path("runs/demo"), convert, screen.progress)
    )
    with choosing as chosen:
        screen.show_web_demo(export(chosen, out, sample or ()))
    return 0


COMMAND = web_demo
