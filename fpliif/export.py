"""Turn a finished training into a shipped checkpoint: float16 weights and a model card, as JSON and as Markdown.

python -m fpliif.export --run FOLDER --to fpliif/weights [--test-scenes 400]
"""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpliif.checkpoint import SUFFIX, load_checkpoint, replace_file, save_checkpoint
from fpliif.cost import multiply_adds
from fpliif.errors import FPLIIFError, TrainingError
from fpliif.evaluate import Scores, evaluate
from fpliif.network import count_parameters
from fpliif.training.config import TrainConfig
from fpliif.training.data import testing_dataset, training_datasets
from fpliif.training.loop import BEST, CONFIG, STATE
from fpliif.training.pool import open_pool
from segdata.dataset import Dataset
from segdata.errors import DataError

LIMITS_DRAWN = (
    "Trained and judged on drawn faces only: the scores say nothing about photographs, where it must be expected to do "
    "much worse. One face in a picture, roughly upright, half of the picture's height or so. Left and right are the "
    "picture's as the label set defines them. Not for identifying or judging people."
)


LIMITS_DATASET = (
    "Trained and judged on {}: on pictures of other kinds it must be expected to do worse, and the terms of use of that"
    " dataset hold for these weights. Whole pictures were resized to a square; scores of papers that crop or align"
    " faces differently are not comparable to the last digit. Not for identifying or judging people."
)


@dataclass(frozen=True)
class Training:
    """Hold how a checkpoint was made, for its card.

    Attributes:
        config: of the training.
        command: that repeats it.
        step: at which the weights were taken; of `config.steps`.
        hours: of training until then, without drawing scenes.
        hardware: for people.
        data: name and digest of the training data.
    """

    config: TrainConfig
    command: str
    step: int
    hours: float
    hardware: str
    data: dict[str, str]


def export_checkpoint(checkpoint: Path, training: Training, test: Dataset, folder: Path, work: Path) -> Path:
    """Write ``NAME.safetensors`` (float16), ``NAME.json`` and ``NAME.md`` for the config's name into `folder`.

    The scores in the card are those of the float16 weights as written, computed in float32, on `test`.

    Args:
        checkpoint: float32 checkpoint of the training.
        training: how it came about.
        test: pictures that took part neither in training nor in choosing the checkpoint.
        folder: where the three files go.
        work: scratch folder for the test pictures.

    Returns:
        path of the written checkpoint.

    Raises:
        CheckpointError: if `checkpoint` cannot be read or `folder` not be written.
    """
    source = load_checkpoint(checkpoint)
    target = folder / f"{training.config.name}{SUFFIX}"
    about = {"training": training.config.name, "command": training.command, "step": training.step}
    sha256 = save_checkpoint(source.network, source.labels, target, half=True, about=about)
    written = load_checkpoint(target)
    pool = open_pool(test, work / f"pool-{test.split}", training.config.data.workers)
    scores = evaluate(written.network, pool, written.labels)
    card = _card(training, sha256, scores, test, count_parameters(written.network))
    replace_file(target.with_suffix(".json"), (json.dumps(card, indent=2) + "\n").encode())
    replace_file(target.with_suffix(".md"), _markdown(card).encode())
    return target


def _card(training: Training, sha256: str, scores: Scores, test: Dataset, parameters: int) -> dict[str, Any]:
    config = training.config
    size = (config.data.size, config.data.size)
    return {
        "name": config.name,
        "sha256": sha256,
        "network": config.network_config().to_dict(),
        "parameters": parameters,
        "multiply_adds": multiply_adds(config.network_config(), size, size),
        "classes": list(config.label_set.names),
        "training": {
            "command": training.command,
            "config": config.to_dict(),
            "seed": config.seed,
            "step": training.step,
            "steps": config.steps,
            "hours": round(training.hours, 2),
            "hardware": training.hardware,
            "data": training.data,
        },
        "test": {
            "data": test.name,
            "split": test.split,
            "images": len(test),
            "digest": test.digest(),
            "size": list(size),
            **scores.to_json(),
        },
        "limits": LIMITS_DATASET.format(training.data["name"]) if config.data.dataset else LIMITS_DRAWN,
    }


def _markdown(card: dict[str, Any]) -> str:
    """Write the card for people, in lines of at most 116 columns but for tables and commands."""
    training, test = card["training"], card["test"]
    rows = [
        f"| {name} | {_number(test['per_class_iou'][name])} | {_number(test['per_class_f1'][name])} |"
        for name in card["classes"]
    ]
    size = f"{test['size'][0]} x {test['size'][1]}"
    parts = [
        f"# {card['name']}",
        _paragraph(
            f"FP-LIIF (arXiv 2303.15122), {len(card['classes'])} classes, {card['parameters']:,} parameters, "
            f"{card['multiply_adds'] / 1e9:.1f} G multiply-adds at {size}, weights stored as float16."
        ),
        "## How it was made",
        f"    {training['command']}",
        _paragraph(
            f"Seed {training['seed']}, step {training['step']} of {training['steps']}, {training['hours']} hours "
            f"({training['hardware']}), on {training['data']['name']} (digest {training['data']['digest'][:12]}). "
            "The whole config is in the JSON card beside this file."
        ),
        "## How good it is",
        _paragraph(
            f"{test['images']} images of the {test['split']} split of {test['data']} at {size}, from one pooled "
            f"confusion matrix: mIoU {test['miou']:.4f} (background included), mean F1 {test['mean_f1']:.4f} "
            "(background left out)."
        ),
        "\n".join(["| class | IoU | F1 |", "| --- | ---: | ---: |", *rows]),
        "## Limits",
        _paragraph(card["limits"]),
        f"sha256 of the checkpoint: `{card['sha256']}`",
    ]
    return "\n\n".join(parts) + "\n"


def _paragraph(text: str) -> str:
    return textwrap.fill(text, 116, break_long_words=False, break_on_hyphens=False)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def export_run(run: Path, folder: Path, command: str, hardware: str, test_scenes: int | None = None) -> Path:
    """Export the best checkpoint of a training, judged on the test split of its own data.

    Raises:
        TrainingError: if `run` holds no validated training.
        DataError: if its dataset is gone.
    """
    from safetensors import safe_open

    if not (run / BEST).is_file() or not (run / STATE).is_file():
        raise TrainingError(f"{run} holds no validated training; run the training until its first validation")
    config = TrainConfig.from_dict(json.loads((run / CONFIG).read_text()))
    with safe_open(run / STATE, framework="np") as file:
        standing = json.loads(file.metadata()["fpliif.training"])
    about = load_checkpoint(run / BEST).about
    hours = standing["seconds"] / standing["step"] * about["step"] / 3600.0
    train_set = training_datasets(config)[0]
    data = {"name": train_set.name, "digest": train_set.digest(), "fingerprint": train_set.fingerprint()}
    training = Training(config, command, about["step"], hours, hardware, data)
    return export_checkpoint(run / BEST, training, testing_dataset(config, test_scenes), folder, run)


def main() -> None:
    """Export from the command line; errors are one sentence and exit status 2."""
    import argparse
    import sys

    parser = argparse.ArgumentParser(description="Turn a training into a shipped checkpoint with its model card.")
    parser.add_argument("--run", type=Path, required=True, help="folder of the training")
    parser.add_argument("--to", type=Path, required=True, help="folder for the checkpoint and its cards")
    parser.add_argument("--command", required=True, help="the command that repeats the training")
    parser.add_argument("--hardware", required=True, help="what it ran on, for people")
    parser.add_argument("--test-scenes", type=int, help="how many test pictures; the config's number when left out")
    options = parser.parse_args()
    try:
        print(export_run(options.run, options.to, options.command, options.hardware, options.test_scenes))
    except (FPLIIFError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
