"""Assembles report.json (schema 1) from what was planned and measured; every figure is taken over, none is made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from toolkit.document.verdicts import not_made
from toolkit.options import RunOptions
from toolkit.run_folder.environment import describe_environment

if TYPE_CHECKING:
    from converters import ModelSource
    from segdata import Dataset
    from validation.measure import Reference
    from validation.results.run import RunResult
    from validation.verdict.gates import Gates

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
    """The report's `artifacts`: those that were made with their runs, to be judged, then those that failed."""
    from quantization import recipe
    from validation.verdict.gates import Gates

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
            }
        )
    for name, reason in manifest["failed"].items():
        format_name, _, recipe_name = name.partition("-")
        entries.append(
            {
                "name": name, "format": format_name, "recipe": recipe_name, "path": None, "sha256": None,
                "size_bytes": None, "runs": [], "verdict": not_made(reason),
            }
        )  # fmt: skip
    return entries


def run_entry(run: RunResult, limits: Gates) -> dict[str, Any]:
    """One of the report's `runs`, with the worst class named for readers, and what its intervals allow to say."""
    from validation.verdict.significance import significance

    worst = run.worst_class
    entry = {**run.to_json(), "worst_class": None if worst is None else worst._asdict()}
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
