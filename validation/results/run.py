"""RunResult: one artifact in one runtime and backend, exactly as it stands in report.json under `runs`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

from validation.errors import ValidationError
from validation.results.latency import LatencyResult
from validation.results.operations import OperationProfile


@dataclass(frozen=True)
class ThreadTime:
    """Milliseconds of a run with one number of threads, sampled in turns with the others; None with a reason if it failed."""

    threads: int
    p50: float | None = None
    p90: float | None = None
    min: float | None = None
    iqr: float | None = None
    samples: int = 0
    reason: str = ""


class Status(StrEnum):
    """What became of a measurement."""

    MEASURED = "measured"
    NOT_RUN = "not_run"
    FAILED = "failed"


@dataclass(frozen=True)
class RunResult:
    """Accuracy, latency and memory of one run. Fractions are 0..1, times milliseconds; None means not known.

    Attributes:
        runner, backend: what ran it.
        threads: given to the runtime; None if it chooses itself.
        status, reason: of the accuracy; a reason unless measured.
        output_size: (height, width) of the answer.
        signature: the one that was opened, of a file for several output sizes; None for a file with one.
        images: pictures judged; 0 if none.
        evaluated_at: (height, width) of the answer.
        judged_at: whose pixels were counted, the answer's or those of each picture's own mask; see `evaluate`.
        miou, mean_f1, pixel_accuracy, per_class_*: see `Scores`; per class by name.
        overall_f1: of brows, eyes, nose and mouth pooled, see `AccuracyResult`; None for other classes.
        per_class_boundary_*: how well edges lie, see `BoundaryCounts`.
        metrics: further numbers by name, see `validation.accuracy.metric`.
        delta_*: against the reference, see `Comparison`.
        lost_classes: names of classes that the reference finds and this run never does.
        pixel_agreement: fraction of pixels with the reference's class.
        class_flips: pixels by (class in the reference, class here).
        margin_at_flips: pixels, mean and p95 of the reference's margin where the class changed, see `MarginCounts`.
        worst_images: pictures that lost most against the reference.
        latency_status, latency_reason: of the latency, apart from the accuracy's.
        latency_ms: None unless measured.
        peak_memory_bytes, memory_reason: a reason if there is no figure.
        anonymous_memory_bytes: the part of it that no file backs, after an inference; None where the system does not tell.
        emulates: what the backend only imitates (see `Runner.emulates`); empty for the real thing.
        thread_sweep: the same run with other numbers of threads, its own among them; empty if not asked for.
        per_op: where the time goes; None if not asked for.
        undelegated: operations that no delegate took, by kind; None if not looked for or the runtime does not tell.
        instructions: what one inference executes, see `InstructionCount`; None for a runtime that does not count.
        native_agreement: answers compared with this machine's own CPU, see `arm64.agreement`; None where nothing was compared.
        machine: where it ran, if that was another machine than the report's own (a phone on its cable is one); else empty.
        delegation: what the delegate named by the backend took of the graph, see `Delegation`; None if that is not told.
        machine_details: what is known of that machine, see `OtherMachine`; None for the report's own.
    """

    runner: str
    backend: str
    threads: int | None
    status: Status
    reason: str = ""
    images: int = 0
    evaluated_at: tuple[int, int] | None = None
    judged_at: str | None = None
    miou: float | None = None
    mean_f1: float | None = None
    overall_f1: float | None = None
    pixel_accuracy: float | None = None
    per_class_iou: dict[str, float | None] = field(default_factory=dict)
    per_class_f1: dict[str, float | None] = field(default_factory=dict)
    per_class_precision: dict[str, float | None] = field(default_factory=dict)
    per_class_recall: dict[str, float | None] = field(default_factory=dict)
    per_class_boundary_iou: dict[str, float | None] = field(default_factory=dict)
    per_class_boundary_f1: dict[str, float | None] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)
    delta_miou: float | None = None
    delta_per_class_iou: dict[str, float | None] = field(default_factory=dict)
    delta_miou_ci95: Interval | None = None
    delta_per_class_iou_ci95: dict[str, Interval | None] = field(default_factory=dict)
    lost_classes: tuple[str, ...] = ()
    pixel_agreement: float | None = None
    class_flips: tuple[tuple[int, ...], ...] | None = None
    margin_at_flips: dict[str, float | int | None] | None = None
    worst_images: tuple[ImageDrop, ...] = ()
    latency_status: Status = Status.NOT_RUN
    latency_reason: str = "not asked for"
    latency_ms: LatencyResult | None = None
    peak_memory_bytes: int | None = None
    memory_reason: str = "not asked for"
    anonymous_memory_bytes: int | None = None
    emulates: str = ""
    machine: str = ""
    machine_details: dict[str, Any] | None = None
    delegation: dict[str, Any] | None = None
    output_size: tuple[int, int] | None = None
    signature: str | None = None
    thread_sweep: tuple[ThreadTime, ...] = ()
    per_op: OperationProfile | None = None
    undelegated: dict[str, int] | None = None
    instructions: dict[str, Any] | None = None
    native_agreement: dict[str, Any] | None = None

    @property
    def title(self) -> str:
        """Runner, backend, whether its delegate took only a part, and (if it is another) machine, for sentences."""
        part = ", in part" if self.delegation and not self.delegation["whole"] and self.backend != "cpu" else ""
        title = f"{self.runner} ({self.backend}{part})"
        if self.signature is not None and self.output_size is not None:
            title += f" at {self.output_size[0]} x {self.output_size[1]}"
        return f"{title} on {self.machine}" if self.machine else title

    @property
    def worst_class(self) -> tuple[str, float] | None:
        """The class that lost most IoU (or gained least) and by how much; None without a comparison."""
        known = [(delta, name) for name, delta in self.delta_per_class_iou.items() if delta is not None]
        return (min(known)[1], min(known)[0]) if known else None

    def to_json(self) -> dict[str, Any]:
        """The entry of `runs`, in plain JSON types."""
        document = asdict(self)
        document["status"], document["latency_status"] = self.status.value, self.latency_status.value
        return {key: _listed(value) for key, value in document.items()}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Inverse of `to_json`; keys added by others are left alone. Raises ValidationError if it is no run."""
        known = {item.name for item in fields(cls)}
        try:
            values = {key: value for key, value in document.items() if key in known}
            latency, flips = values.get("latency_ms"), values.get("class_flips")
            per_op = values.get("per_op")
            return cls(
                **{
                    **values,
                    "status": Status(values["status"]),
                    "latency_status": Status(values.get("latency_status", Status.NOT_RUN)),
                    "latency_ms": None if latency is None else LatencyResult.from_json(latency),
                    "evaluated_at": _pair(values.get("evaluated_at")),
                    "output_size": _pair(values.get("output_size")),
                    "delta_miou_ci95": _pair(values.get("delta_miou_ci95")),
                    "delta_per_class_iou_ci95": {
                        name: _pair(value) for name, value in values.get("delta_per_class_iou_ci95", {}).items()
                    },
                    "lost_classes": tuple(values.get("lost_classes", ())),
                    "class_flips": None if flips is None else tuple(tuple(row) for row in flips),
                    "thread_sweep": tuple(ThreadTime(**item) for item in values.get("thread_sweep", ())),
                    "per_op": None if per_op is None else OperationProfile.from_json(per_op),
                    "worst_images": tuple(ImageDrop(**item) for item in values.get("worst_images", ())),
                }
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValidationError(f"not a run of a report ({error}); run `segport validate` again") from error


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, tuple | list) else value


def _pair(value: Any) -> Any:
    return None if value is None else tuple(value)


@dataclass(frozen=True)
class ImageDrop:
    """One picture: its id, and its mean IoU with the reference and with the artifact."""

    id: str
    reference_miou: float
    miou: float


Interval = tuple[float, float]
