"""Write down for the report what was planned and measured; every figure is taken over, none is made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from quantization import recipe
from toolkit.document.run_shape import Run
from toolkit.document.shape import (
    ArtifactEntry,
    DatasetEntry,
    Example,
    Model,
    RecordedGates,
    ReferenceEntry,
    ReportDocument,
    SignatureEntry,
)
from toolkit.document.verdicts import NOT_JUDGED, not_made
from toolkit.options import RunOptions
from toolkit.run_folder.environment import describe_environment
from validation.verdict.gates import Gates
from validation.verdict.significance import significance

if TYPE_CHECKING:
    from converters import ModelSource
    from segdata import Dataset
    from validation.measure import Reference
    from validation.results.run import RunResult

SCHEMA = 1
_MADE = ("name", "format", "recipe", "path", "sha256", "size_bytes", "provenance")
"""Keys of an artifact that its manifest and its report share."""


def model_entry(manifest: Mapping[str, Any]) -> Model:
    """Describe the network, from the manifest."""
    model = manifest["model"]
    height, width = model["input_size"]
    return Model(
        name=model["name"],
        origin=model["origin"],
        parameters=model["parameters"],
        weights_sha256=model["weights_sha256"],
        inputs=[{"name": "image", "height": height, "width": width, "pixel_range": model["pixel_range"]}],
        output_size=model["output_size"],
        classes=model["classes"],
        colours=model["colours"],
        scores=model.get("scores", "logits"),
        scores_note=model.get("scores_note", ""),
    )


def dataset_entry(dataset: Dataset) -> DatasetEntry:
    """Describe the pictures that judge."""
    from segdata.photos import Photos

    return DatasetEntry(
        name=dataset.name,
        split=dataset.split,
        images=len(dataset),
        digest=dataset.digest(),
        labels=not isinstance(dataset, Photos),
        layout=dataset.layout,
        ignores=dataset.ignores,
    )


def reference_entry(references: Mapping[tuple[int, int], Reference], source: ModelSource) -> ReferenceEntry:
    """Describe the float reference: at the default output size and, under `sizes`, at each if there are several."""
    entry = references[source.output_size].to_json()
    if source.sizes:
        entry["sizes"] = [{"output_size": size, **found.to_json()} for size, found in references.items()]
    return ReferenceEntry.model_validate(entry)


def artifact_entries(
    manifest: Mapping[str, Any], results: Mapping[str, Sequence[RunResult]], options: RunOptions
) -> list[ArtifactEntry]:
    """Describe the artifacts: those that were made with their runs, to be judged, then those that failed."""
    made = [_made(entry, results.get(entry["name"], ()), options) for entry in manifest["artifacts"]]
    return made + [_failed(name, reason) for name, reason in manifest["failed"].items()]


def _made(made: Mapping[str, Any], runs: Sequence[RunResult], options: RunOptions) -> ArtifactEntry:
    gates = _gates(made["recipe"], options)
    return ArtifactEntry(
        **{key: made[key] for key in _MADE},
        signatures=[
            SignatureEntry(name=item["name"], output_size=(item["output"]["height"], item["output"]["width"]))
            for item in made.get("signatures", ())
        ],
        limits=RecordedGates(
            miou_drop=gates.miou_drop,
            class_drop=gates.class_drop,
            on_bound=gates.on_bound,
            agreement=gates.agreement,
        ),
        runs=[run_entry(run, gates) for run in runs],
        verdict=NOT_JUDGED,
    )


def _failed(name: str, reason: str) -> ArtifactEntry:
    format_name, _, recipe_name = name.partition("-")
    return ArtifactEntry(
        name=name,
        format=format_name,
        recipe=recipe_name,
        path=None,
        sha256=None,
        size_bytes=None,
        runs=[],
        verdict=not_made(reason),
    )


def _gates(recipe_name: str, options: RunOptions) -> Gates:
    """Give the recipe's limits, with what the user set in their place."""
    gates = Gates.of(
        recipe(recipe_name).limits,
        miou_drop=options.max_miou_drop,
        class_drop=options.max_class_drop,
        on_bound=options.gate_on == "bound",
    )
    return replace(gates, agreement=options.min_agreement if options.photos is not None else None)


def run_entry(result: RunResult, gates: Gates | None) -> Run:
    """Write down one run, with what its intervals allow to say of its changes against the limits."""
    run = Run.model_validate(result, from_attributes=True)
    if run.delta_miou is None or gates is None:
        return run
    intervals, limit = run.delta_per_class_iou_ci95, gates.class_drop
    return run.model_copy(
        update={
            "finding": significance(run.delta_miou_ci95, gates.miou_drop).value,
            "finding_per_class": {
                name: None if change is None else significance(intervals.get(name), limit).value
                for name, change in run.delta_per_class_iou.items()
            },
        }
    )


def assemble(
    manifest: Mapping[str, Any],
    dataset: DatasetEntry,
    reference: ReferenceEntry,
    artifacts: list[ArtifactEntry],
    examples: list[Example],
    facts: Mapping[str, Any],
) -> ReportDocument:
    """Put the report together. `facts` are added keys: command, created, duration_seconds, warnings."""
    return ReportDocument.model_validate(
        {
            "schema": SCHEMA,
            "model": model_entry(manifest),
            "dataset": dataset,
            "environment": describe_environment(),
            "reference": reference,
            "artifacts": artifacts,
            "examples": examples,
            **facts,
        }
    )
