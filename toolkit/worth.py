"""Is quantizing worth it on the runtime at hand? An artifact that is neither smaller nor faster than the float one is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NAME = "worth"
TOLERANCE = 0.03
"""Smaller or faster by less than this share is neither: medians of two runs differ by as much on a quiet machine."""
SLOWER = 1.10
"""Slower than the float artifact by more than this is to be looked at, however small the file is."""
_NAMED = 3


def worth_checks(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry of the report's `checks` for every artifact with integer weights or a palette.

    Compared are file size and median latency with those of the float artifact of the same format, in the same runtime,
    backend, number of threads and output size. `fail`: in some runtime it is neither smaller nor faster; `warn`: smaller,
    but slower; `not_run`: there is no float artifact, or no latency of both.

    Args:
        entries: the report's `artifacts`, with `lint` where there is one.
    """
    made = {entry["name"]: entry for entry in entries if entry["path"] is not None}
    found = []
    for name, entry in made.items():
        if not _quantized(entry["recipe"]):
            continue
        base = next(
            (
                made[f"{entry['format']}-{kind}"]
                for kind in ("float32", "float16")
                if f"{entry['format']}-{kind}" in made
            ),
            None,
        )
        found.append({"name": NAME, "artifact": name, **_compared(entry, base)})
    return found


def _quantized(recipe_name: str) -> bool:
    from quantization import recipe

    wanted = recipe(recipe_name)
    return wanted.weights.is_integer or wanted.palette is not None


def _compared(entry: Mapping[str, Any], base: Mapping[str, Any] | None) -> dict[str, Any]:
    if base is None:
        return _said(
            "not_run", f"no float {entry['format']} artifact was made to compare with; add the recipe float32", {}
        )
    times = {_place(run): run["latency_ms"]["p50"] for run in base["runs"] if run["latency_ms"]}
    pairs = [
        (run, run["latency_ms"]["p50"], times[_place(run)])
        for run in entry["runs"]
        if run["latency_ms"] and _place(run) in times
    ]
    size = entry["size_bytes"] / base["size_bytes"]
    facts = {
        "against": base["name"], "size_ratio": round(size, 4),
        "latency_ratio": {f"{run['runner']} ({run['backend']})": round(mine / theirs, 3) for run, mine, theirs in pairs},
    }  # fmt: skip
    if not pairs:
        return _said("not_run", f"no runtime timed both {entry['name']} and {base['name']} here", facts)
    smaller = size < 1 - TOLERANCE
    for run, mine, theirs in sorted(pairs, key=lambda pair: pair[2] / pair[1]):
        title = f"{run['runner']} ({run['backend']})"
        times_words = f"{mine:.1f} ms against {theirs:.1f}"
        sizes = f"{entry['size_bytes'] / 1e6:.2f} MB against {base['size_bytes'] / 1e6:.2f}"
        if not smaller and mine > theirs * (1 - TOLERANCE):
            return _said(
                "fail",
                f"{entry['name']} is neither smaller ({sizes}) nor faster ({times_words} in {title}) than {base['name']}: ship that one"
                + slow_words(entry, run),
                facts,
            )
        if mine > theirs * SLOWER:
            return _said(
                "warn",
                f"{entry['name']} is {mine / theirs:.1f} times slower than {base['name']} in {title} ({times_words}), "
                f"though smaller ({sizes}){slow_words(entry, run)}",
                facts,
            )
    gained = "smaller and faster" if all(mine < theirs * (1 - TOLERANCE) for _, mine, theirs in pairs) else "smaller"
    return _said("pass", f"{entry['name']} is {gained if smaller else 'faster'} than {base['name']}", facts)


def slow_words(entry: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """``; slow kernels: ...``: operations that XNNPACK leaves to plain kernels, or all of them where the runtime has none."""
    if run["runner"] == "litert" and run["backend"] != "xnnpack":
        return f"; the {run['backend']} kernels compute every operation plainly"
    report = next((item for item in entry.get("lint", ()) if item["target"] == "xnnpack"), None)
    if report is None:
        return ""
    counts: dict[str, int] = {}
    for finding in report["findings"]:
        if finding["splits"]:
            for kind, number in finding["operations"].items():
                counts[kind] = counts.get(kind, 0) + number
    if not counts:
        return "; XNNPACK takes every operation, so this runtime's integer kernels themselves are slow"
    largest = sorted(counts, key=lambda kind: -counts[kind])[:_NAMED]
    return f"; slow kernels, which XNNPACK leaves out: {', '.join(f'{counts[kind]} {kind}' for kind in largest)}"


def _place(run: Mapping[str, Any]) -> tuple[Any, ...]:
    size = run.get("output_size")
    return run["runner"], run["backend"], run["threads"], run.get("machine", ""), tuple(size) if size else None


def _said(status: str, message: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {"status": status, "message": message, "facts": facts}
