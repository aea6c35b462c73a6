"""Assembles report.json (schema 1) from what was planned and measured; every figure is taken over, none is made here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from toolkit.config import RunOptions
from toolkit.environment import describe_environment
from toolkit.errors import ExitStatus

if TYPE_CHECKING:
    from converters import ModelSource
    from segdata import Dataset
    from validation.gates import Gates
    from validation.measure import Reference
    from validation.result import RunResult

SCHEMA = 1


def model_entry(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The report's `model`, from the manifest."""
    model = manifest["model"]
    height, width = model["input_size"]
    return {
        "name": model["name"],
        "origin": model["origin"],
        "parameters": model["parameters"],
        "weights_sha256": model["weights_sha256"],
        "inputs": [{"name": "image", "height": height, "width": width, "pixel_range": model["pixel_range"]}],
        "output_size": model["output_size"],
        "classes": model["classes"],
        "colours": model["colours"],
    }


def dataset_entry(dataset: Dataset) -> dict[str, Any]:
    """The report's `dataset`."""
    from segdata.photos import Photos

    return {
        "name": dataset.name, "split": dataset.split, "images": len(dataset), "digest": dataset.digest(),
        "labels": not isinstance(dataset, Photos), "layout": dataset.layout,
    }  # fmt: skip


def reference_entry(references: Mapping[tuple[int, int], Reference], source: ModelSource) -> dict[str, Any]:
    """The report's `reference`: at the default output size and, under `sizes`, at each if there are several."""
    entry = references[source.output_size].to_json()
    if source.sizes:
        entry["sizes"] = [{"output_size": list(size), **found.to_json()} for size, found in references.items()]
    return entry


def artifact_entries(
    manifest: Mapping[str, Any], results: Mapping[str, Sequence[RunResult]], options: RunOptions
) -> list[dict[str, Any]]:
    """The report's `artifacts`: those that were made with their runs and verdicts, then those that failed."""
    from quantization import recipe
    from validation.gates import Gates
    from validation.verdict import judge

    entries = []
    for made in manifest["artifacts"]:
        limits = Gates.of(
            recipe(made["recipe"]).limits,
            miou_drop=options.max_miou_drop,
            class_drop=options.max_class_drop,
            on_bound=options.gate_on == "bound",
        )
        agreement = options.min_agreement if options.photos is not None else None
        limits = replace(limits, agreement=agreement)
        runs = results.get(made["name"], ())
        entries.append(
            {
                **{
                    key: made[key] for key in ("name", "format", "recipe", "path", "sha256", "size_bytes", "provenance")
                },
                "signatures": [
                    {"name": item["name"], "output_size": [item["output"]["height"], item["output"]["width"]]}
                    for item in made.get("signatures", ())
                ],
                "limits": {
                    "miou_drop": limits.miou_drop,
                    "class_drop": limits.class_drop,
                    "on_bound": limits.on_bound,
                    "agreement": limits.agreement,
                },
                "runs": [run_entry(run, limits) for run in runs],
                "verdict": judge(runs, limits).to_json(),
            }
        )
    for name, reason in manifest["failed"].items():
        format_name, _, recipe_name = name.partition("-")
        entries.append(
            {
                "name": name, "format": format_name, "recipe": recipe_name, "path": None, "sha256": None,
                "size_bytes": None, "runs": [], "verdict": {"status": "fail", "reasons": [reason]},
            }
        )  # fmt: skip
    return entries


def run_entry(run: RunResult, limits: Gates) -> dict[str, Any]:
    """One of the report's `runs`, with the worst class named for readers, and what its intervals allow to say."""
    from validation.significance import significance

    worst = run.worst_class
    entry = {**run.to_json(), "worst_class": None if worst is None else {"name": worst[0], "delta": worst[1]}}
    if run.delta_miou is None:
        return entry
    return entry | {
        "finding": significance(run.delta_miou_ci95, limits.miou_drop).value,
        "finding_per_class": {
            name: None
            if change is None
            else significance(run.delta_per_class_iou_ci95.get(name), limits.class_drop).value
            for name, change in run.delta_per_class_iou.items()
        },
    }


def assemble(
    manifest: Mapping[str, Any],
    dataset: Mapping[str, Any],
    reference: Mapping[str, Any],
    artifacts: list[dict[str, Any]],
    examples: list[dict[str, Any]],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """The whole of report.json. `facts` are added keys: command, created, duration_seconds, warnings."""
    return {
        "schema": SCHEMA,
        "model": model_entry(manifest),
        "dataset": dict(dataset),
        "environment": describe_environment(),
        "reference": dict(reference),
        "artifacts": artifacts,
        "examples": examples,
        **facts,
    }


def came_by_merge(run: Mapping[str, Any]) -> bool:
    """Whether one of a report's runs was measured elsewhere and came in with `segport report --merge`."""
    return run.get("measured_at") is not None


def status_of(document: Mapping[str, Any]) -> ExitStatus:
    """The exit status a report stands for: tools that failed weigh more than gates, gates more than a picked runtime that is absent.

    Not judged is not passed, except for artifacts that none of the runtimes the user has picked takes, beside others that passed.
    """
    runs = [run for artifact in document["artifacts"] for run in artifact["runs"]]
    if any(artifact["path"] is None for artifact in document["artifacts"]):
        return ExitStatus.TOOL_FAILED
    if any("failed" in (run["status"], run["latency_status"]) for run in runs):
        return ExitStatus.TOOL_FAILED
    if any(check["status"] == "fail" for check in document.get("checks", ())):
        return ExitStatus.GATE_FAILED
    verdicts = {artifact["name"]: artifact["verdict"]["status"] for artifact in document["artifacts"]}
    if "fail" in verdicts.values():
        return ExitStatus.GATE_FAILED
    measured = {f"{run['runner']} ({run['backend']})" for run in runs if run["status"] == "measured"}
    if set(document.get("runners_absent", ())) - measured:  # another machine may have had it
        return ExitStatus.NOT_INSTALLED
    untaken = {artifact["name"] for artifact in document["artifacts"] if not artifact["runs"]}
    if document.get("runners_named") and "pass" in verdicts.values():
        verdicts = {name: status for name, status in verdicts.items() if name not in untaken}
    return ExitStatus.PASS if set(verdicts.values()) <= {"pass"} else ExitStatus.GATE_FAILED


def warnings_of(artifacts: Sequence[Mapping[str, Any]], reference: Mapping[str, Any]) -> list[str]:
    """What a reader must know before trusting a figure, once per kind: a network that knows nothing, a busy machine, unsettled times, too many threads."""
    warnings = _worthless(reference)
    ours = [run for artifact in artifacts for run in artifact["runs"] if not run.get("machine")]
    timed = [found for found in (*(run["latency_ms"] for run in ours), reference.get("latency_ms")) if found]
    busy = max((found["other_load"] for found in timed if found["warning"]), default=None)
    if busy is not None:
        warnings.append(
            f"other processes kept up to {busy:.1f} cores busy while latency was measured; run `segport bench` on a quiet machine"
        )
    unsettled = sum(not found.get("stable", True) for found in timed)
    if unsettled:
        warnings.append(
            f"the times of {unsettled} of {len(timed)} runs had not settled when sampling began; they change with the machine's "
            "clock or load"
        )
    cores = os.cpu_count() or 1
    most = max((item["threads"] or 0 for run in ours for item in (run, *run.get("thread_sweep", ()))), default=0)
    if most > cores:
        warnings.append(f"{most} threads were asked for on {cores} cores; their times say nothing about more cores")
    return warnings + _routes_taken(artifacts)


CHANCE = 0.01
"""A network that beats one answer everywhere by no more than this much mean IoU has learned nothing of the dataset."""


def _worthless(reference: Mapping[str, Any]) -> list[str]:
    """A float network that is no better than one answer everywhere: what it loses says nothing, and something is set wrongly."""
    constant, miou = reference.get("of_one_answer"), reference.get("miou")
    if constant is None or miou is None or miou > constant["miou"] + CHANCE:
        return []
    return [
        f"the float network itself (mean IoU {miou:.4f}) is no better than {constant['class']!r} at every pixel ({constant['miou']:.4f}); "
        "check the order of classes, --mean, --std, --pixel-range, --channel-order and --weights"
    ]


def _routes_taken(artifacts: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for all artifacts that another route than the first made, for the same reason."""
    names: dict[tuple[str, str], list[str]] = {}
    for artifact in artifacts:
        facts = artifact.get("provenance", {})
        if "instead of" in facts:
            names.setdefault((facts["route"], facts["instead of"]), []).append(artifact["name"])
    return [f"{', '.join(made)} came through {route} instead of {reason}" for (route, reason), made in names.items()]
