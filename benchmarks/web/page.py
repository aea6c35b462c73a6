"""The tables of docs/measured/web.md, drawn from what is kept beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.kept_page import Parts, Results

PAGE = Path("docs/measured/web.md")
TITLES = {
    "node": "Node",
    "chromium": "Chromium",
    "chromium-threads": "Chromium",
    "litert": "LiteRT (XNNPACK), no browser",
}


def equality_table(results: Results) -> str:
    """Write how many bits are equal, the largest difference, and what class maps share."""
    if "equality" not in results:
        return _unmeasured("equality")
    part = results["equality"]
    lines = [
        f"{part['images']} held-out drawn faces at 256 × 256; LiteRT.js {part['litert_js']}, {part['chromium']}, "
        "against LiteRT "
        f"{part['environment']['packages']['ai-edge-litert']} with XNNPACK on {part['environment']['processor']}.",
        "",
        "| artifact | where | threads | pictures with the same bits | largest difference of logits | largest logit "
        "| pixels with the same class |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {row['artifact']} | {TITLES[row['backend']]} | {row['threads']} | {row['bit_equal']} of "
            f"{row['images']} | "
            f"{row['largest_difference']:.2g} | {row['largest_logit']:.1f} | {row['same_class']:,} of "
            f"{row['pixels']:,} |"
            for row in part["rows"]
        ),
    ]
    return "\n".join(lines) + "\n"


def latency_table(results: Results) -> str:
    """Percentiles in milliseconds, and the ratio to LiteRT with as many threads."""
    if "latency" not in results:
        return _unmeasured("measure")
    part = results["latency"]
    native = {(row["artifact"], row["threads"]): row["p50"] for row in part["rows"] if row["backend"] == "litert"}
    lines = [
        f"{part['environment']['cores']} cores of {part['environment']['processor']}, "
        f"{part['environment']['system']}; LiteRT.js "
        f"{part['litert_js']}, {part['chromium']}; one picture at a time, all runtimes of a file in turns.",
        "",
        "| artifact | where | threads | p50 ms | p90 ms | p99 ms | samples | p50, times LiteRT's |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_latency_row(row, native[row["artifact"], row["threads"]]) for row in part["rows"]),
        *sorted({f"\nMeasured while {row['warning']}." for row in part["rows"] if row.get("warning")})[:1],
    ]
    return "\n".join(lines) + "\n"


def _latency_row(row: Mapping[str, Any], native: float) -> str:
    times = " | ".join(f"{row[key]:.1f}" for key in ("p50", "p90", "p99"))
    return (
        f"| {row['artifact']} | {TITLES[row['backend']]} | {row['threads']} | {times} | {row['samples']} | "
        f"{row['p50'] / native:.2f} |"
    )


def _unmeasured(command: str) -> str:
    return f"Not measured yet: `python -m benchmarks.web {command}`.\n"


PARTS: Parts = {"equality": equality_table, "latency": latency_table}
"""Name of a part in markers and JSON -> how it is drawn."""
