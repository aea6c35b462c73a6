"""Quantization-aware fine-tuning against the best that post-training quantization does, class by class.

segport train --qat --out runs/qat-int8                                       (int8_static's rounding)
segport train --qat-recipe int4_dynamic --steps 150 --out runs/qat-int4
segport train fp-liif-face11-tuned --out runs/qat-control                     (as long, in floats)
python -m benchmarks.quantizers --fine-tuned
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quantizers.peers import Peer, variant
from benchmarks.quantizers.results import Tell, made_artifact, open_runner, pixel_counts
from benchmarks.quantizers.setting import Setting, changed
from quantization import Repair, WeightRange

SHIPPED = "fp-liif-face11"
INT8, INT4, CONTROL = (f"runs/{name}/best.safetensors" for name in ("qat-int8", "qat-int4", "qat-control"))


@dataclass(frozen=True)
class Column:
    """One file: a checkpoint and how it is quantized; no recipe leaves it in floats."""

    title: str
    checkpoint: str
    peer: Peer | None = None


COLUMNS = (
    Column("float", SHIPPED),
    Column("int8_static", SHIPPED, variant("mean", "int8_static")),
    Column("int8, tuned for it", INT8, variant("mean", "int8_static")),
    Column("int8, tuned in floats", CONTROL, variant("mean", "int8_static")),
    Column(
        "best int4",
        SHIPPED,
        variant(
            "int4-all",
            "int4_dynamic",
            "int4_dynamic",
            repairs=(Repair.EQUALIZE, Repair.GPTQ, Repair.BIAS),
            weight_range=WeightRange.OCTAV,
        ),
    ),
    Column("int4, tuned for it", INT4, variant("int4", "int4_dynamic", "int4_dynamic")),
)


def measure_fine_tuned(setting: Setting, images: int, tell: Tell) -> dict[str, Any]:
    """Measure the IoU of every class of every column's file on held-out faces.


    Raises:
        UsageError: a fine-tuned checkpoint is not there.
    """
    from fpliif.training.pool import open_pool
    from segdata.faces.synthetic import SyntheticFaces
    from toolkit.errors import UsageError
    from toolkit.stages.reference import reference_runner
    from validation.accuracy.confusion import scores

    side = setting.options.input_size[0]
    faces = SyntheticFaces("test", size=side, length=images)
    pool = open_pool(faces, setting.work / f"pool-test-{images}-{side}")
    columns = []
    for column in COLUMNS:
        is_file = column.checkpoint != SHIPPED
        if is_file and not Path(column.checkpoint).is_file():
            raise UsageError(
                f"{column.checkpoint} is not there; train it first, see benchmarks/quantizers/fine_tuned.py"
            )
        work = setting.work / Path(column.checkpoint).parent.name if is_file else setting.work
        mine = Setting(changed(setting.options, model=column.checkpoint), work)
        tell(column.title)
        if column.peer is None:
            name, digest, size, opened = "float", mine.source.weights_sha256, None, _reference(mine, reference_runner)
        else:
            artifact, _ = made_artifact(column.peer, mine)
            name, digest, size, opened = column.peer.name, artifact.sha256, artifact.size_bytes, _opener(artifact, mine)
        found = scores(pixel_counts(name, digest, faces.digest(), pool, mine, opened).sum(axis=0))
        iou = dict(zip(mine.source.classes, found.iou, strict=True))
        columns.append({"title": column.title, "bytes": size, "miou": found.miou, "iou": iou})
    return {"images": images, "data": faces.digest(), "columns": columns}


def _reference(setting: Setting, make: Any) -> Any:
    return lambda: make(setting.source, setting.options)


def _opener(artifact: Any, setting: Setting) -> Any:
    return lambda: open_runner(artifact, setting)


def fine_tuned_table(result: Mapping[str, Any] | None) -> str:
    """Write the table as Markdown: the float network's IoU, and each file's difference from it, in points."""
    if result is None:
        return "Not measured yet: `python -m benchmarks.quantizers --fine-tuned`.\n"
    columns: Sequence[Mapping[str, Any]] = result["columns"]
    reference = columns[0]
    lines = [
        f"| class | {' | '.join(column['title'] for column in columns)} |",
        "| --- |" + " ---: |" * len(columns),
    ]
    lines += [_row(name, [column["iou"][name] for column in columns]) for name in reference["iou"]]
    lines.append(_row("**mean**", [column["miou"] for column in columns]))
    lines.append(
        f"\nIoU in points; behind the first column, differences from it. {result['images']} drawn faces of the test "
        "split. "
        "Made by `python -m benchmarks.quantizers --fine-tuned`, whose module names the trainings."
    )
    return "\n".join(lines) + "\n"


def _row(name: str, values: Sequence[float | None]) -> str:
    first, *others = values
    cells = ["–" if first is None else f"{100 * first:.2f}"]
    cells += ["–" if first is None or value is None else f"{100 * (value - first):+.2f}" for value in others]
    return f"| {name} | {' | '.join(cells)} |"
