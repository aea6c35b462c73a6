"""The figures as lines of Markdown, and docs/measured/validation.md with them between its markers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAGE, PICTURE = Path("docs/measured/validation.md"), Path("docs/images/memory.png")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
MOST_OVERHEAD, MOST_SECONDS = 0.05, 3.0


def lines(figures: Mapping[str, Any]) -> list[str]:
    """Write what was measured against what was wanted, and a sentence on each part."""
    memory, bootstrap, workers = figures["memory"], figures["bootstrap"], figures["workers"]
    found = ["| what | measured | wanted |", "|---|---:|---:|"]
    found += [
        f"| validation of {item['artifact']} in {item['runner']} beyond the inferences alone "
        f"({item['inference_ms']:.1f} ms a picture, one thread, median of {item['rounds']} rounds in turns) | "
        f"{item['overhead']:+.1%} | at most {MOST_OVERHEAD:.0%} |"
        for item in figures["overhead"]
    ]
    found += [
        f"| memory after {memory['pictures']:,} pictures against after a tenth of them | "
        f"{memory['mb_at_the_end']:.0f} MB against {memory['mb_after_a_tenth']:.0f} MB "
        f"({memory['kb_a_picture']:+.1f} kB a picture) | flat |",
        f"| counts kept of each picture (the bootstrap needs them) | {memory['kept_bytes_a_picture']} bytes | |",
        f"| one worker against two, {workers['pictures']} pictures ({workers['seconds_1']:.0f} s and "
        f"{workers['seconds_2']:.0f} s, processes started included) | {workers['ratio']:.2f} times as fast | |",
        f"| same counts from one and from two workers | {'yes' if workers['equal'] else 'NO'} | yes |",
        f"| bootstrap, {bootstrap['resamples']:,} resamples of {bootstrap['pictures']:,} pictures x "
        f"{bootstrap['classes']} "
        f"classes (best of {len(bootstrap['seconds_of_each'])}) | {bootstrap['seconds']:.2f} s | under "
        f"{MOST_SECONDS:.0f} s |",
    ]
    return found


def write_page(figures: Mapping[str, Any], curves: Mapping[str, NDArray[np.float64]]) -> None:
    """Draw the figure and put the lines between the page's markers; both are replaced whole."""
    from toolkit.run_folder.environment import describe_environment
    from toolkit.run_folder.files import write_text

    _draw(curves)
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    machine = describe_environment()
    where = f"{machine['cores']} cores ({machine['processor']}), {machine['system']}"
    made = f"Measured {datetime.now(UTC):%Y-%m-%d} on {where} by `python -m benchmarks.validation --write`."
    middle = "\n".join([BEGIN, "", made, "", *lines(figures), "", END])
    write_text(PAGE, before + middle + rest.split(END)[1])


def _draw(curves: Mapping[str, NDArray[np.float64]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for name, curve in curves.items():
        axes.plot(np.arange(1, len(curve) + 1), curve, label=name, linewidth=1.2)
    axes.set(xlabel="pictures judged", ylabel="resident memory, MB", ylim=(0, None))
    axes.legend(frameon=False, loc="lower right")
    axes.grid(alpha=0.3)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    unfinished = PICTURE.with_name(f".{PICTURE.name}.tmp")
    figure.savefig(unfinished, dpi=150, format="png")
    unfinished.replace(PICTURE)
