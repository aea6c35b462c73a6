"""`python -m benchmarks.photographs FOLDER...`: the shipped checkpoints on folders of labelled photographs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.kept_page import drawn, keep_result, read_results
from benchmarks.photographs.measuring import ARTIFACTS, artifact_answers, converted, float_answers, mean_f1, opened
from benchmarks.photographs.page import PAGE, PARTS
from segdata.errors import DataError
from toolkit.progress import SilentProgress

MODELS = ("fp-liif-face11", "fp-liif-mobile-face11", "fp-liif-face19", "fp-liif-mobile-face19")


def main(arguments: Sequence[str]) -> None:
    """Measure, print, and with --write put the figures into docs/data/accuracy.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.photographs", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="images/, masks/ and classes.txt")
    parser.add_argument("--models", default=",".join(MODELS), help="shipped names or .safetensors, comma-separated")
    parser.add_argument("--float-only", action="store_true", help="leave the artifacts out")
    parser.add_argument("--out", type=Path, default=Path("runs/photographs"), help="where artifacts are made")
    parser.add_argument("--write", action="store_true", help="keep the figures and draw the page anew")
    given = parser.parse_args(arguments)
    results = read_results(PAGE).get("photographs", {}) if given.write else {}
    for model in given.models.split(","):
        artifacts = {} if given.float_only else converted(model, given.out / Path(model).stem, SilentProgress())
        for folder in given.folders:
            data = opened(folder)
            answers, merged = float_answers(model)
            score = mean_f1(answers, merged, data)
            found = {"photographs": sum(map(len, data)), "float": score}
            for name in ARTIFACTS:
                if name in artifacts:
                    with artifact_answers(artifacts[name]) as answers:
                        found[name] = mean_f1(answers, merged, data)
            key = f"{Path(model).stem} on {folder.name}"
            results[key] = found
            print(f"{key}: {score['mean_f1']:.4f}", file=sys.stderr)
            if given.write:
                keep_result(PAGE, PARTS, "photographs", results)
    print(drawn(PARTS, {"photographs": results}))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except DataError as error:
        sys.exit(f"error: {error}")
