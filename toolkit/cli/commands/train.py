"""`segport train`: train an FP-LIIF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.progress import plain_console

if TYPE_CHECKING:
    from fpliif.training.config import TrainConfig

USUAL, USUAL_QAT = "fp-liif-face11-start", "fp-liif-face11-qat"
USUAL_ROUNDING = "int8_static"

EXAMPLES = (
    "Examples: [bold]segport train fp-liif-mobile-face11 --out runs/train[/]  |  "
    "[bold]segport train lapa --data lapa:/data/LaPa --out runs/lapa[/]  |  "
    "[bold]segport train my_recipe.toml --out runs/train --resume[/]  |  "
    "[bold]segport train --qat --start runs/train/best.safetensors --out runs/qat[/]"
)


def train(
    recipe: Annotated[
        str | None, typer.Argument(help=f"Shipped training recipe, or a TOML file; default: {USUAL}, or {USUAL_QAT}.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", "-d", help="Dataset to train on, as NAME:PATH; default: the recipe's.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for checkpoints and logs.")] = Path("runs/train"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted training in the same folder.")
    ] = False,
    threads: Annotated[int | None, typer.Option("--threads", "-t", help="Processor threads; default: all.")] = None,
    start: Annotated[
        str | None, typer.Option("--start", help="Checkpoint to go on from: a shipped one's name, or a file.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=2, help="Length of a training of one phase.")] = None,
    qat: Annotated[
        bool,
        typer.Option("--qat", help="Fine-tune a float checkpoint for integers: the training feels their rounding."),
    ] = False,
    qat_recipe: Annotated[
        str | None, typer.Option("--qat-recipe", help=f"Whose rounding; default: {USUAL_ROUNDING}. Implies --qat.")
    ] = None,
) -> int:
    """Train FP-LIIF; Ctrl-C keeps the last checkpoint, and --resume goes on from it exactly."""
    from dataclasses import replace

    from fpliif.training.loop import train as train_network
    from fpliif.training.showing.progress import TerminalProgress
    from toolkit.apps.fine_tuning import rounding_of

    config = _read(recipe or (USUAL_QAT if qat or qat_recipe else USUAL))
    if threads is not None:
        config = replace(config, threads=threads)
    if data is not None:
        config = replace(config, data=replace(config.data, dataset=data))
    if start is not None:
        config = replace(config, start=start)
    if steps is not None:
        config = config.lasting(steps)
    if qat or qat_recipe:
        config = replace(config, qat=qat_recipe or config.qat or USUAL_ROUNDING)
    console = plain_console(stderr=True)
    with TerminalProgress(console) as progress:
        rounding = rounding_of(config.qat) if config.qat else None
        result = train_network(config, out, resume, [progress], rounding=rounding)
    plain_console().print(
        f"{result.best}  mean F1 {result.best_mean_f1:.4f}  mIoU {result.best_miou:.4f}  "
        f"{result.seconds / 3600:.2f} h on {result.device}"
    )
    return 0


def _read(recipe: str) -> TrainConfig:
    from fpliif.training.config import TrainConfig, shipped_config

    return TrainConfig.from_toml(Path(recipe) if recipe.endswith(".toml") else shipped_config(recipe))


COMMAND = train
