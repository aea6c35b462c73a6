"""`segport train`: train an FP-LIIF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = (
    "Examples: [bold]segport train fp-liif-mobile-face11 --out runs/train[/]  |  "
    "[bold]segport train lapa --data lapa:/data/LaPa --out runs/lapa[/]  |  "
    "[bold]segport train my_recipe.toml --out runs/train --resume[/]"
)


def train(
    recipe: Annotated[str, typer.Argument(help="Shipped training recipe, or a TOML file.")] = "fp-liif-face11-start",
    data: Annotated[
        str | None, typer.Option("--data", "-d", help="Dataset to train on, as NAME:PATH; default: the recipe's.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for checkpoints and logs.")] = Path("runs/train"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted training in the same folder.")
    ] = False,
    threads: Annotated[int | None, typer.Option("--threads", "-t", help="Processor threads; default: all.")] = None,
) -> int:
    """Train FP-LIIF; Ctrl-C keeps the last checkpoint, and --resume goes on from it exactly."""
    from dataclasses import replace

    from rich.console import Console

    from fpliif.progress import TerminalProgress
    from fpliif.train_config import TrainConfig, shipped_config
    from fpliif.training import train as train_network

    config = TrainConfig.from_toml(Path(recipe) if recipe.endswith(".toml") else shipped_config(recipe))
    if threads is not None:
        config = replace(config, threads=threads)
    if data is not None:
        config = replace(config, data=replace(config.data, dataset=data))
    console = Console(stderr=True)
    with TerminalProgress(console) as progress:
        result = train_network(config, out, resume, [progress])
    Console().print(
        f"{result.best}  mean F1 {result.best_mean_f1:.4f}  mIoU {result.best_miou:.4f}  "
        f"{result.seconds / 3600:.2f} h on {result.device}"
    )
    return 0


COMMAND = train
