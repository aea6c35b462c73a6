"""Runs coremltools' operation tests through milrun, one after the other on one thread; see `tests.conformance`."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from tests.conformance import results

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "runs" / "conformance" / "results.jsonl"
PAGE = ROOT / "docs" / "measured" / "conformance.md"
STEP = "step.jsonl"
"""Results with one float16 step allowed, beside the others; the page says how they are made."""
SAMPLE_EVERY = 40


def main(arguments: list[str] | None = None) -> int:
    """Run, print the totals, write the page; 0 if every failure is explained, 1 if not, 4 if the run broke off."""
    options = _options(arguments)
    path: Path = options.results
    if options.float16_step and path == RESULTS:
        raise SystemExit("--float16-step judges more mildly; give --results a file of its own")
    path.parent.mkdir(parents=True, exist_ok=True)
    if options.fresh:
        path.unlink(missing_ok=True)
    if not options.only_report:
        for with_float32 in (False, True) if options.precision == "both" else (options.precision == "fp32",):
            status = run(path, with_float32, options)
            if status not in (0, 1, 5):  # pytest: all passed, some failed, nothing left to run
                print(f"the test run broke off (pytest status {status}); run the command again to resume")
                return 4
    return report(path, write_page=not (options.sample or options.only or options.float16_step))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--precision", choices=("fp16", "fp32", "both"), default="both", help="programs to test")
    parser.add_argument("--sample", type=int, nargs="?", const=SAMPLE_EVERY, default=0, help="every n-th test only")
    parser.add_argument("--only", default="", help="one file or folder below coremltools' tests, e.g. iOS18")
    parser.add_argument("--results", type=Path, default=RESULTS, help="results so far; kept to resume")
    parser.add_argument(
        "--float16-step",
        action="store_true",
        help="let results differ by one float16 step of their largest value (with --results of their own)",
    )
    parser.add_argument("--fresh", action="store_true", help="forget the results so far")
    parser.add_argument("--only-report", action="store_true", help="run nothing, report what there is")
    return parser.parse_args(arguments)


def run(path: Path, with_float32: bool, options: argparse.Namespace) -> int:
    """One pytest process over coremltools' tests; gives its status."""
    spec = importlib.util.find_spec("coremltools")
    if spec is None or spec.origin is None:
        raise SystemExit("coremltools is not installed; install segport[coreml]")
    tests = Path(spec.origin).parent / "converters" / "mil" / "mil" / "ops" / "tests" / options.only
    environment = os.environ | {
        "CONFORMANCE_RESULTS": str(path.resolve()),
        "CONFORMANCE_SAMPLE": str(options.sample or 1),
        "CONFORMANCE_FLOAT16_STEP": "1" if options.float16_step else "",
        "INCLUDE_MIL_FP32_UNIT_TESTS": "1" if with_float32 else "0",
        "OMP_NUM_THREADS": "1",
        "PYMIL_TEST_TARGETS": "mlprogram",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-m", "pytest", "-p", "tests.conformance.plugin", "-p", "no:cacheprovider", "-q"]
    command += ["-c", os.devnull, "--rootdir", str(ROOT), "--import-mode=importlib", "--tb=no", "-W", "ignore"]
    command += ["--show-capture=no", "--no-header", "--no-summary", str(tests)]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def report(path: Path, write_page: bool) -> int:
    """Print the totals and write the page."""
    found = results.read(path)
    for group, title in results.GROUPS.items():
        part = [result for result in found if result.group == group]
        if part:
            print(results.totals(part).line(title))
    print(results.totals(found).line("all"))
    surprising = results.unexplained(found)
    for result in surprising:
        print(f"UNEXPLAINED {result.test}: {result.reason.splitlines()[0] if result.reason else ''}")
    if write_page:
        version = importlib.metadata.version("coremltools")
        temporary = PAGE.with_suffix(".tmp")
        temporary.write_text(
            results.page(found, results.collected(path), version, results.read(path.with_name(STEP))), encoding="utf-8"
        )
        temporary.replace(PAGE)
        print(f"wrote {PAGE.relative_to(ROOT)}")
    return 1 if surprising else 0


if __name__ == "__main__":
    sys.exit(main())
