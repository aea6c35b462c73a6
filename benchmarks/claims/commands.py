"""The command line of the claims: train a baseline."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit status. Errors are one sentence and status 2."""
    from fpliif.errors import FPLIIFError
    from segdata.errors import DataError

    options = _parser().parse_args(arguments)
    try:
        options.perform(options)
    except (FPLIIFError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from what is kept", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    from benchmarks.claims.networks import BASELINES

    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims", description="Measure what is claimed.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train a baseline with FP-LIIF's budget, or go on training it")
    train.add_argument("baseline", choices=list(BASELINES))
    train.add_argument("--out", type=Path, default=Path("runs/train-baselines"), help="folder for pools and states")
    train.add_argument("--config", type=Path, help="FP-LIIF's training config; fp-liif-face11 when left out")
    train.add_argument("--weights", type=Path, help="where the result goes; benchmarks/claims/weights when left out")
    train.set_defaults(perform=_train)
    return parser


def _train(options: argparse.Namespace) -> None:
    from benchmarks.claims.training import CONFIG, train_baseline
    from fpliif.progress import TerminalProgress
    from fpliif.train_config import TrainConfig

    config = TrainConfig.from_toml(options.config or CONFIG)
    with TerminalProgress() as progress:
        print(train_baseline(options.baseline, config, options.out, [progress], options.weights))
