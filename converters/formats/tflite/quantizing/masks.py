"""Give masks finite numbers before a float .tflite file is quantized.

Padding of a max pool and masks of an attention hold minus infinity, or a number far from all others (-1e9, the smallest
float). No scale of integers reaches that far, and none has to: what is masked must only lose.

    PADV2(x, -inf) -> MAX_POOL             the lowest value that x has
    SELECT(mask, -inf, x) -> SOFTMAX       so far below the largest of each row that its share rounds to zero
    ADD(x, {0, -inf}) -> SOFTMAX           the same, after x has been added

Weights that are infinite are broken and stay refused: only constants that are placed or added are masks, and the file
must answer as before.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from converters.artifact import OutputKind, PixelRange, content_hash
from converters.contract import Job
from converters.errors import ConversionError, SourceError
from converters.formats.tflite.file.flatbuffer import IDENTIFIER, Graph, Operator, read_model
from converters.formats.tflite.quantizing.mask_values import FAR, Reach, Seen, joined, seen_around
from converters.formats.tflite.quantizing.ranges import watching
from converters.tools.importing import tool

EXTRA = "tflite"
INFINITE = 1e30
"""Constants at least this large were infinite: LiteRT's converter makes the largest float of infinite weights, and
folds that."""
WIDENED = (1.0, 4.0, 16.0)
"""What is masked may be scaled down before it is compared; the margin is multiplied by these until the answer is the
same."""
LARGEST_CHANGE = 1e-3
"""Of the answer's range, or share of pixels where the answer is labels."""
COMPARED = 4
"""Calibration pictures on which both files must answer alike."""

PLACED = {
    "PADV2": (2,),
    "SELECT": (1, 2),
    "SELECT_V2": (1, 2),
    "MAXIMUM": (0, 1),
    "MINIMUM": (0, 1),
    "CONCATENATION": tuple(range(64)),
}
"""Operators that put a constant among values, and which of their inputs that may be."""
ADDED = {"ADD": (0, 1), "SUB": (1,)}
MULTIPLIED = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "TRANSPOSE_CONV",
    "FULLY_CONNECTED",
    "BATCH_MATMUL",
    "MUL",
    "DIV",
    "PRELU",
)
SOFT = ("SOFTMAX", "LOG_SOFTMAX", "EXP", "LOGISTIC", "TANH")
"""What only weighs how far below others a masked value is."""
ABSOLUTE = ("EXP", "LOGISTIC", "TANH")
SETTLING = ("MAX_POOL_2D", "REDUCE_MAX", "REDUCE_MIN", "TOPK_V2", "ARG_MAX", "ARG_MIN", *MULTIPLIED[:5])
"""Behind these nothing is left of a mask."""
MOVING = ("RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "SLICE", "STRIDED_SLICE")


@dataclass(frozen=True)
class Finite:
    """A float file whose masks are finite.

    Attributes:
        path: the file, or the one that was given if it holds no masks.
        lows, highs: tensor name -> end of its range; what lies beyond only needs to lose.
    """

    path: Path
    lows: Mapping[str, float]
    highs: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class _Use:
    """A step that places or adds a far constant among values that follow the picture, and what weighs the result."""

    constant: int
    step: Operator
    soft: frozenset[str]

    @property
    def answer(self) -> int:
        """Number of the tensor that holds the result."""
        return self.step.outputs[0]


class _Masks:
    """The far constants of a graph, where they are used as masks, and which steps only move them there.

    Raises:
        SourceError: infinite constants are multiplied with something.
    """

    def __init__(self, float_file: Path, graph: Graph) -> None:
        self.graph = graph
        self.far = _far_constants(float_file, graph)
        self.uses: list[_Use] = []
        self.carrying: set[int] = set()
        carried = {number: number for number in self.far}
        follows = set(graph.inputs)
        for step in graph.steps:
            if follows & set(step.inputs):
                follows.update(step.outputs)
            for place, number in enumerate(step.inputs):
                if number not in carried:
                    continue
                if follows & set(step.outputs):
                    self._use(step, place, carried[number])
                else:
                    carried.update(dict.fromkeys(step.outputs, carried[number]))
                    self.carrying.update(step.outputs)

    def _use(self, step: Operator, place: int, constant: int) -> None:
        infinite, broken = (
            bool((np.abs(self.far[constant]) >= INFINITE).any()),
            bool(np.isnan(self.far[constant]).any()),
        )
        if not broken and place in PLACED.get(step.name, ADDED.get(step.name, ())):
            soft = frozenset(behind.name for behind in self.behind(step.outputs[0]) if behind.name in SOFT)
            if soft or infinite or step.name == "PADV2":
                self.uses.append(_Use(constant, step, soft))
        elif broken or (infinite and step.name in MULTIPLIED):
            raise SourceError(
                f"the weights {_plain_name(self.graph.tensors[constant].name)!r} hold NaN or infinity, so what comes of"
                " them has no range; give a checkpoint whose weights are numbers"
            )

    def behind(self, number: int, through: Container[str] | None = None) -> Iterator[Operator]:
        """Yield the steps that read a tensor and those behind them: behind `through` alone, or behind all that settle
        nothing."""
        seen = {number}
        for step in self.graph.steps:  # in the order of execution
            if seen & set(step.inputs):
                yield step
                if step.name in through if through is not None else step.name not in (*SETTLING, *SOFT):
                    seen.update(step.outputs)

    def of(self, constant: int) -> list[_Use]:
        """Return the uses of one constant."""
        return [use for use in self.uses if use.constant == constant]


def with_finite_masks(float_file: Path, job: Job) -> Finite:
    """Write a copy of the float file with finite masks into the workspace; hand back the file itself if it has no
    masks.

    Raises:
        ConversionError: there are no calibration pictures, or no finite mask gives the same answer.
        SourceError: weights are infinite, or the answer is.
    """
    graph, *others = read_model(float_file).graphs
    masks = None if others else _Masks(float_file, graph)
    if masks is None or not masks.uses:
        return Finite(float_file, {}, {})
    stem = f"finite-{content_hash(float_file)[:12]}-{job.pictures().pictures_digest()[:12]}"
    path, record = job.workspace / f"{stem}.tflite", job.workspace / f"{stem}.json"
    if not record.exists():
        record.write_text(json.dumps(_made(float_file, path, masks, job)))
    lows, highs = json.loads(record.read_text())
    return Finite(path, lows, highs)


def _plain_name(name: str) -> str:
    """The first of the names that a tensor of joined operations carries, without what segport put around the
    network."""
    first = name.strip(";").partition(";")[0]
    return first.rpartition("Rewritten/")[2] or first


def _far_constants(float_file: Path, graph: Graph) -> dict[int, NDArray[np.float32]]:
    """Find the float constants of which something is far from zero, or no number; by tensor number."""
    schema = tool("ai_edge_litert.schema_py_generated", EXTRA)
    model = schema.ModelT.InitFromPackedBuf(float_file.read_bytes(), 0)
    found = {}
    for number, tensor in enumerate(graph.tensors):
        data = model.buffers[tensor.buffer].data
        if tensor.dtype != "float32" or data is None or not len(data):
            continue
        values = np.frombuffer(np.asarray(data, dtype=np.uint8).tobytes(), dtype=np.float32).reshape(tensor.shape)
        if not (np.abs(values) < FAR).all():
            found[number] = values
    return found


def _made(float_file: Path, path: Path, masks: _Masks, job: Job) -> tuple[dict[str, float], dict[str, float]]:
    """Write the copy; returns the ends of ranges (lows, highs)."""
    seen = _looked_at(float_file, masks, job)
    for wider in WIDENED:
        reach = {use: Reach.of(seen[use], use.soft, bool(use.soft & set(ABSOLUTE)), wider) for use in masks.uses}
        finite = {
            constant: _finite(values, [(use.step.name, reach[use], seen[use]) for use in masks.of(constant)])
            for constant, values in masks.far.items()
            if masks.of(constant)
        }
        _store(float_file, path, masks, finite)
        if _same_answer(float_file, path, job):
            return _ends(masks, reach, -1), _ends(masks, reach, 1)
    raise ConversionError(
        "the network masks values in a way that no finite number stands for, so its activations cannot be integers; "
        "use a recipe with float activations, such as int8_dynamic"
    )


def _looked_at(float_file: Path, masks: _Masks, job: Job) -> dict[_Use, Seen]:
    """Run the file on the calibration pictures and look at the values around each mask."""
    interpreter, picture, watched = watching(float_file)
    read = set(watched.values())
    found: dict[_Use, list[Seen]] = {use: [] for use in masks.uses}
    pictures = job.pictures().tensors(unit_range=job.source.pixel_range is PixelRange.UNIT)
    for place, image in enumerate(pictures, start=1):
        job.tell("looking at masks, picture", place, len(pictures))
        interpreter.set_tensor(picture, image)
        interpreter.invoke()
        for use in masks.uses:
            given = [interpreter.get_tensor(number) for number in use.step.inputs if number in read]
            found[use].append(seen_around(interpreter.get_tensor(use.answer), given))
    return {use: joined(parts) for use, parts in found.items()}


def _finite(values: NDArray[np.float32], uses: list[tuple[str, Reach, Seen]]) -> NDArray[np.float32]:
    """Put numbers that do for all uses of a constant in place of its far ones."""
    ends = []
    for name, reach, seen in uses:
        low, high = reach.low, reach.high
        if name == "SUB":
            low, high = seen.given_low - reach.high, seen.given_high - reach.low
        elif name in ADDED:
            low, high = reach.low - seen.given_high, reach.high - seen.given_low
        ends.append((low, high))
    finite = np.where(values <= -FAR, np.float32(min(low for low, _ in ends)), values)
    return np.where(values >= FAR, np.float32(max(high for _, high in ends)), finite).astype(np.float32)


def _ends(masks: _Masks, reach: Mapping[_Use, Reach], sign: int) -> dict[str, float]:
    """Return where ranges of masked values end on one side, and of the same values moved on, where they are only
    weighed."""
    found: dict[str, float] = {}
    for use in masks.uses:
        side = -sign if use.step.name == "SUB" else sign
        if not use.soft or not (side * masks.far[use.constant] >= FAR).any():
            continue
        end = reach[use].low if sign < 0 else reach[use].high
        moved = [step for step in masks.behind(use.answer, MOVING) if step.name in MOVING]
        numbers = [use.answer, *(number for step in moved for number in step.outputs)]
        found.update({masks.graph.tensors[number].name: end for number in numbers})
    return found


def _store(float_file: Path, path: Path, masks: _Masks, finite: Mapping[int, NDArray[np.float32]]) -> None:
    """Write the file with other constants for the steps that mask; what only compares with a constant keeps it."""
    schema = tool("ai_edge_litert.schema_py_generated", EXTRA)
    model = schema.ModelT.InitFromPackedBuf(float_file.read_bytes(), 0)
    (graph,) = model.subgraphs
    masking = masks.carrying | {use.answer for use in masks.uses}
    steps = [step for step in graph.operators if masking & {int(number) for number in step.outputs}]
    for number, values in finite.items():
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), dtype=np.uint8)
        model.buffers.append(buffer)
        old, new = graph.tensors[number], schema.TensorT()
        new.shape, new.type, new.hasRank, new.buffer = old.shape, old.type, old.hasRank, len(model.buffers) - 1
        new.name = old.name + b";finite"
        graph.tensors.append(new)
        for step in steps:
            step.inputs = [len(graph.tensors) - 1 if given == number else int(given) for given in step.inputs]
    builder = tool("flatbuffers", EXTRA).Builder(1 << 20)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    path.write_bytes(bytes(builder.Output()))


def _same_answer(float_file: Path, path: Path, job: Job) -> bool:
    """Run both files on some calibration pictures; raises SourceError if the first answers with what are no numbers."""
    module = tool("ai_edge_litert.interpreter", EXTRA)
    first, second = (module.Interpreter(model_path=str(file)).get_signature_runner() for file in (float_file, path))
    pictures = job.pictures().tensors(unit_range=job.source.pixel_range is PixelRange.UNIT)
    for image in pictures[:COMPARED]:
        expected, found = (runner(image=image)[job.output.value] for runner in (first, second))
        if not np.isfinite(expected).all():
            raise SourceError(
                "the network answers with NaN or infinity on a calibration picture, so it has no range; check the"
                " weights, the pixel range, and masks that leave nothing"
            )
        if job.output is OutputKind.LABELS:
            change = float((found != expected).mean())
        else:
            change = float(np.abs(found - expected).max()) / max(float(np.ptp(expected)), 1e-12)
        if not change <= LARGEST_CHANGE:
            return False
    return True
