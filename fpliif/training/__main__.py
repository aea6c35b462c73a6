"""Train from the command line: `python -m fpliif.training --config FILE.toml --out FOLDER [--resume]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fpliif.errors import FPLIIFError
from fpliif.training.config import TrainConfig
from fpliif.training.loop import train
from fpliif.training.showing.progress import TerminalProgress
from segdata.errors import DataError


def main() -> None:
    """Train from the command line; errors are one sentence and exit status 2."""
    parser = argparse.ArgumentParser(description="Train FP-LIIF.")
    parser.add_argument("--config", type=Path, required=True, help="a training config in TOML")
    parser.add_argument("--out", type=Path, required=True, help="folder for pools, states and checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on where the folder's training stopped")
    options = parser.parse_args()
    try:
        with TerminalProgress() as progress:
            train(TrainConfig.from_toml(options.config), options.out, options.resume, [progress])
    except (FPLIIFError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"stopped; --resume goes on from the last state in {options.out}", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
