"""docs/measured/reliability.md: what was damaged and killed, drawn between markers from
docs/measured/figures/reliability.json."""

from __future__ import annotations

from benchmarks.kept_page import Parts, Results


def fuzz_table(results: Results) -> str:
    """One row a kind of file."""
    if "fuzz" not in results:
        return (
            "Not measured yet: `python -m tests.reliability.fuzz --count 5040 --page docs/measured/reliability.md`.\n"
        )
    part = results["fuzz"]
    head = (
        "kind",
        "files",
        "read (0, 1)",
        "refused (2)",
        "tool missing (3)",
        "artifact failed (4)",
        "faults",
        "slowest",
    )
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    for name, one in part["kinds"].items():
        ends = {int(end): times for end, times in one["ends"].items()}
        counts = (ends.get(0, 0) + ends.get(1, 0), ends.get(2, 0), ends.get(3, 0), ends.get(4, 0))
        cells = (one["files"], *counts, one["faults"], f"{one['slowest']:.1f} s")
        lines.append(f"| {name} | {' | '.join(map(str, cells))} |")
    files, faults = (sum(one[key] for one in part["kinds"].values()) for key in ("files", "faults"))
    return (
        "\n".join([*lines, "", f"{files:,} files, {faults} faults (seed {part['seed']}, {part['seconds']:,} s)."])
        + "\n"
    )


def kills_table(results: Results) -> str:
    """Where the kills fell, and how many continued runs came out otherwise."""
    if "kills" not in results:
        return "Not measured yet: `python -m tests.reliability.kills --count 50 --page docs/measured/reliability.md`.\n"
    part = results["kills"]
    lines = [
        "| killed while | times |",
        "|---|---:|",
        *(f"| {stage} | {times} |" for stage, times in part["found"].items()),
    ]
    total = sum(part["found"].values())
    return (
        "\n".join(
            [
                *lines,
                "",
                f"{part['faults']} of {total} continued runs differ from the undisturbed one (seed {part['seed']}).",
            ]
        )
        + "\n"
    )


PARTS: Parts = {"fuzz": fuzz_table, "kills": kills_table}
"""Name of a part in markers and JSON -> how it is drawn."""
