"""Draw the pictures a report shows: those on which artifacts lost most, then some spread over the dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.document.shape import Example, ExampleAnswer
from toolkit.report.content.example_images import save_difference, save_mask, save_picture
from toolkit.stages.context import Context, fitting
from validation.runners.base.resizing import fit_mask, fit_picture
from validation.runners.base.values import label_map

if TYPE_CHECKING:
    from converters import Artifact
    from validation.accuracy.maps import LabelMaps
    from validation.results.run import RunResult


def draw_examples(context: Context, results: Mapping[str, Sequence[RunResult]], references: LabelMaps) -> list[Example]:
    """Write example pictures below the run folder and describe them for the report (paths relative to the folder)."""
    dataset, folder = context.dataset, context.folder
    chosen = choose_examples(
        results, [dataset.sample_id(index) for index in range(len(dataset))], context.options.examples
    )
    measured = [
        artifact for artifact in context.artifacts if any(run.status == "measured" for run in results[artifact.name])
    ]
    if not chosen or not measured:
        return []
    maps = references.open()
    size = maps.shape[1:]
    samples = [dataset[index] for index in chosen]
    colours = dataset.labels.colours
    answers = {artifact.name: _answers(context, artifact, samples) for artifact in measured}
    entries = []

    def place(path: Path) -> str:
        return path.relative_to(folder.root).as_posix()

    def answered(
        stem: str, artifact: Artifact, answer: NDArray[np.uint8], reference: NDArray[np.uint8]
    ) -> ExampleAnswer:
        drawn = folder.examples / f"{stem}-{artifact.name}.png"
        return ExampleAnswer(
            prediction=place(save_mask(answer, colours, drawn)),
            difference=place(save_difference(reference, answer, drawn.with_name(f"{drawn.stem}-difference.png"))),
            pixel_agreement=float((answer == reference).mean()),
        )

    with context.progress.stage("drawing examples", len(samples)) as stage:
        for number, (index, sample) in enumerate(zip(chosen, samples, strict=True)):
            stem = f"{number:02d}"
            truth, reference = fit_mask(sample.mask, *size), np.asarray(maps[index])
            shown = save_picture(fit_picture(sample.image, *size), folder.examples / f"{stem}-picture.png")
            example = Example(
                id=sample.id,
                picture=place(shown),
                truth=place(save_mask(truth, colours, folder.examples / f"{stem}-truth.png")),
                reference=place(save_mask(reference, colours, folder.examples / f"{stem}-reference.png")),
                artifacts={
                    artifact.name: answered(stem, artifact, answers[artifact.name][number], reference)
                    for artifact in measured
                },
            )
            entries.append(example)
            stage.advance()
    return entries


def choose_examples(results: Mapping[str, Sequence[RunResult]], ids: Sequence[str], count: int) -> list[int]:
    """Choose the positions of `count` pictures: half of them where any artifact lost most, the rest spread evenly."""
    drops: dict[str, float] = {}
    for runs in results.values():
        for worst in (item for run in runs for item in run.worst_images):
            drops[worst.id] = max(drops.get(worst.id, 0.0), worst.reference_miou - worst.miou)
    where = {sample_id: index for index, sample_id in enumerate(ids)}
    count = min(count, len(ids))
    chosen = [where[name] for name in sorted(drops, key=lambda name: -drops[name])][: (count + 1) // 2]
    spread = [step * len(ids) // max(count, 1) for step in range(count)] + list(range(len(ids)))
    for index in spread:
        if len(chosen) == count:
            break
        if index not in chosen:
            chosen.append(index)
    return chosen


def _answers(context: Context, artifact: Artifact, samples: Sequence[Any]) -> list[NDArray[np.uint8]]:
    runtime = next(item for item in fitting(context.runtimes, artifact) if item.usable)
    with runtime.runner(artifact, runtime.backend, context.options.threads) as runner:
        return [
            label_map(runner.predict(fit_picture(sample.image, artifact.image.height, artifact.image.width)))
            for sample in samples
        ]
