"""docs/measured/fp-liif.md.

Its tables, written between markers from docs/measured/figures/fp-liif.json, which keeps what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from benchmarks.kept_page import Parts, Results, table

PAGE = Path("docs/measured/fp-liif.md")
PAPER_PARAMETERS = 2.29e6
"""As the paper states it, in millions with two decimals."""


def sizes_table(results: Results) -> str:
    """Write mIoU and mean F1 of the three ways, and how far the network's own answer leads."""
    if "sizes" not in results:
        return _unmeasured("sizes")
    part = results["sizes"]
    lines = [
        (
            f"{part['images']} held-out drawn faces. Differences: the network's own answer minus the resized one, in "
            "points "
            "of mIoU, with 95 % intervals."
        ),
        "",
        *table(
            (
                "output",
                "own mIoU",
                "own F1",
                "logits mIoU",
                "logits F1",
                "labels mIoU",
                "labels F1",
                "own − logits",
                "own − labels",
            ),
            [_size_row(row) for row in part["rows"]],
        ),
        "",
        *(_size_sentence(row) for row in part["rows"] if row["logits"]["delta_miou_ci95"] != [0.0, 0.0]),
    ]
    return "\n".join(lines) + "\n"


def _size_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    cells = [f"{row['size']}"]
    for way in ("network", "logits", "labels"):
        cells += [_score(row[way]["miou"]), _score(row[way]["mean_f1"])]
    return (*cells, _delta(row["logits"]), _delta(row["labels"]))


def _size_sentence(row: Mapping[str, Any]) -> str:
    said = [f"{_verdict(row[way])} resized {way}" for way in ("logits", "labels")]
    return f"* At {row['size']}: asking the network at that size is {said[0]} and {said[1]}."


def _verdict(found: Mapping[str, Any]) -> str:
    low, high = found["delta_miou_ci95"]
    if low > 0:
        return "better than"
    return "worse than" if high < 0 else "as good, within chance, as"


def models_table(results: Results) -> str:
    """Write weight, work and accuracy of every network."""
    if "models" not in results:
        return _unmeasured("accuracy")
    part = results["models"]
    first = part["rows"][0]
    lines = [
        (
            f"{part['images']} held-out drawn faces at 256 × 256; float in torch, int8_static in LiteRT with XNNPACK "
            f"(ranges from {part['calibration_images']} training pictures). Differences: in points of mIoU, with 95 % "
            "intervals."
        ),
        "",
        *table(
            (
                "network",
                "training steps",
                "parameters",
                "float16 weights",
                "multiply-adds",
                "float mIoU",
                "float F1",
                f"float mIoU − {first['title']}",
            ),
            [_float_row(row) for row in part["rows"]],
        ),
        "",
        *table(
            ("network", "int8_static .tflite", "int8 mIoU", "int8 F1", "int8 − float", f"int8 mIoU − {first['title']}"),
            [_int8_row(row) for row in part["rows"]],
        ),
        "",
        (
            f"{first['title']} has {first['parameters']:,} parameters where the paper states "
            f"{PAPER_PARAMETERS / 1e6:.2f} M ({100 * (first['parameters'] / PAPER_PARAMETERS - 1):+.1f} %)."
        ),
    ]
    return "\n".join(lines) + "\n"


def _float_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    found = row["float"]
    return (
        row["title"],
        f"{row['steps']:,}",
        f"{row['parameters']:,}",
        _megabytes(row["weights_bytes"]),
        f"{row['multiply_adds'] / 1e9:.2f} G",
        _score(found["miou"]),
        _score(found["mean_f1"]),
        _delta(found),
    )


def _int8_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    found = row["int8"]
    return (
        row["title"],
        _megabytes(found["bytes"]),
        _score(found["miou"]),
        _score(found["mean_f1"]),
        _delta(row["int8_minus_float"]),
        _delta(found),
    )


def latency_table(results: Results) -> str:
    """Write medians, tails, and what the machine said about itself."""
    if "latency" not in results:
        return _unmeasured("latency")
    part = results["latency"]
    titles = {row["name"]: row["title"] for row in results.get("models", {}).get("rows", [])}
    rows = part["rows"]
    first = next(iter(rows.values()))["p50"]
    lines = [
        (
            f"{part['threads']} thread{'s' if part['threads'] > 1 else ''} of {part['environment']['processor']}, "
            f"{part['environment']['system']}; int8_static .tflite, LiteRT "
            f"{part['environment']['packages']['ai-edge-litert']} with XNNPACK, one picture at a time, all networks in "
            "turns."
        ),
        "",
        *table(
            ("network", "p50 ms", "p90 ms", "ratio of medians", "samples"),
            [
                (
                    titles.get(name, name),
                    f"{row['p50']:.1f}",
                    f"{row['p90']:.1f}",
                    f"{row['p50'] / first:.2f}",
                    str(row["samples"]),
                )
                for name, row in rows.items()
            ],
        ),
        *sorted({f"\nMeasured while {row['warning']}." for row in rows.values() if row["warning"]})[:1],
    ]
    return "\n".join(lines) + "\n"


def rewrite_table(results: Results) -> str:
    """Write the first pixel layer in every exact form: what it costs, and that it answers the same."""
    if "rewrite" not in results:
        return _unmeasured("rewrite")
    part = results["rewrite"]
    rows: Mapping[str, Mapping[str, Any]] = part["rows"]
    cpus = list(rows["joined"]["instructions"])
    counted = [row["instructions"][cpu] for row in rows.values() for cpu in cpus]
    timed = all(row["latency"] for row in rows.values())
    lines = [
        *table(
            (
                "FP-LIIF at 256 × 256",
                "multiply-adds",
                "int8_static .tflite",
                "activations, packed",
                "XNNPACK pieces",
                *(f"ARM64 instructions, {cpu}" for cpu in cpus),
                "LiteRT, one thread, p50",
            ),
            [_form_row(row) for row in rows.values()],
        ),
        *(f"\nNot run: {reason}." for reason in sorted({count["reason"] for count in counted} - {""})),
        *([] if timed else ["\n–: not timed yet: `python -m benchmarks.claims rewrite --time`, on a quiet machine."]),
        "",
        (
            f"Float graphs beside the trained network on {part['parity_images']} held-out pictures, {part['pixels']:,} "
            "pixels (largest "
            f"logit {part['largest_logit']:.1f}); int8_static in LiteRT on {part['images']}. Differences: in points of "
            "mIoU, with 95 % intervals."
        ),
        "",
        *table(
            ("form", "logits apart at most", "same class", "int8 mIoU", f"int8 mIoU − {rows['rewritten']['title']}"),
            [_answer_row(row) for row in rows.values()],
        ),
        *_longest_operations(rows["joined"], rows["rewritten"]),
    ]
    return "\n".join(lines) + "\n"


def _form_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["title"],
        f"{row['multiply_adds'] / 1e9:.2f} G",
        _megabytes(row["bytes"]),
        f"{row['activation_bytes'] / 1e6:.1f} MB",
        str(row["pieces"]),
        *(_billions(count) for count in row["instructions"].values()),
        f"{row['latency']['p50']:.1f} ms" if row["latency"] else "–",
    )


def _answer_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    parity = row["parity"]
    return (
        row["title"],
        f"{parity['largest_difference']:.1e}",
        f"{100 * parity['same_class']:.4f} %",
        _score(row["int8"]["miou"]),
        _delta(row["int8"]),
    )


def _longest_operations(*rows: Mapping[str, Any]) -> list[str]:
    """Nothing for files that have not been timed."""
    if not all(row["profile"] for row in rows):
        return []
    head = [cell for row in rows for cell in (row["title"], "share")]
    operations = _operation_rows(*(row["profile"] for row in rows))
    return ["", "Longest operations, share of an inference:", "", *table(head, operations)]


def _operation_rows(*profiles: Mapping[str, Any]) -> list[tuple[str, ...]]:
    columns = [
        [(f"{item['name']} ({item['kind']})", f"{100 * item['share']:.1f} %") for item in profile["operations"]]
        or [(f"not run: {profile['reason']}", "")]
        for profile in profiles
    ]
    return [tuple(cell for pair in pairs for cell in pair) for pairs in zip_longest(*columns, fillvalue=("", ""))]


def _billions(instructions: Mapping[str, Any]) -> str:
    return f"{instructions['total'] / 1e9:.3f} G" if instructions["status"] == "counted" else "not run"


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _delta(found: Mapping[str, Any]) -> str:
    if "delta_miou" not in found:
        return ""
    interval = found["delta_miou_ci95"]
    between = "" if interval is None else f" [{100 * interval[0]:+.2f}, {100 * interval[1]:+.2f}]"
    return f"{100 * found['delta_miou']:+.2f}{between}"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.2f} MB"


def _unmeasured(command: str) -> str:
    return f"Not measured yet: `python -m benchmarks.claims {command}`.\n"


PARTS: Parts = {
    "sizes": sizes_table,
    "models": models_table,
    "latency": latency_table,
    "rewrite": rewrite_table,
}
"""Name of a part in markers and JSON -> how it is drawn."""
