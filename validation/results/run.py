"""Hold what one artifact gave in one runtime and backend: how it was run, how accurate it was, how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, NamedTuple, Self

from validation.errors import ValidationError
from validation.results.facts import Delegation
from validation.results.latency import LatencyResult
from validation.results.naming import title_of
from validation.results.operations import OperationProfile

Interval = tuple[float, float]
"""95 % bounds of a change of IoU, as fractions, the lower first."""


class Status(StrEnum):
    """What became of a measurement."""

    MEASURED = "measured"
    NOT_RUN = "not_run"
    FAILED = "failed"


@dataclass(frozen=True)
class ThreadTime:
    """Milliseconds of a run with one number of threads, sampled in turns with the others.

    None with a reason if it failed.
    """

    threads: int
    p50: float | None = None
    p90: float | None = None
    min: float | None = None
    iqr: float | None = None
    samples: int = 0
    reason: str = ""


@dataclass(frozen=True)
class ImageDrop:
    """One picture: its id, and its mean IoU with the reference and with the artifact."""

    id: str
    reference_miou: float
    miou: float


class WorstClass(NamedTuple):
    """The class that lost most IoU (or gained least), and its change."""

    name: str
    delta: float


def worst_of(changes: Mapping[str, float | None]) -> WorstClass | None:
    """Find the class that lost most among changes of IoU by class; None if none is known."""
    known = [(delta, name) for name, delta in changes.items() if delta is not None]
    return WorstClass(min(known)[1], min(known)[0]) if known else None


@dataclass(frozen=True)
class Setting:
    """How an artifact was run.

    Attributes:
        runner, backend: what ran it.
        threads: given to the runtime; None if it chooses itself.
        output_size: (height, width) of the answer.
        signature: the one that was opened, of a file for several output sizes; None for a file with one.
        emulates: what the backend only imitates (see `Runner.emulates`); empty for the real thing.
        machine: where it ran, if that was another machine than the report's own (a phone on its cable is one); else
            empty.
        machine_details: what is known of that machine, see `OtherMachine`; None for the report's own.
        delegation: what the delegate named by the backend took of the graph; None if that is not told.
    """

    runner: str
    backend: str
    threads: int | None
    output_size: tuple[int, int] | None = field(default=None, kw_only=True)
    signature: str | None = field(default=None, kw_only=True)
    emulates: str = field(default="", kw_only=True)
    machine: str = field(default="", kw_only=True)
    machine_details: dict[str, Any] | None = field(default=None, kw_only=True)
    delegation: Delegation | None = field(default=None, kw_only=True)

    @property
    def title(self) -> str:
        """What sentences call the run, see `title_of`."""
        return title_of(self)


@dataclass(frozen=True)
class Accuracy:
    """How accurate a run was. Fractions are 0..1; None means not known.

    Attributes:
        status, reason: a reason unless measured.
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
        native_agreement: answers compared with this machine's own CPU, see `arm64.agreement`; None where nothing was
            compared.
    """

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
    native_agreement: dict[str, Any] | None = None

    @property
    def worst_class(self) -> WorstClass | None:
        """The class that lost most IoU (or gained least); None without a comparison."""
        return worst_of(self.delta_per_class_iou)


@dataclass(frozen=True)
class Timing:
    """How long a run took and how much memory it held. Times are milliseconds; None means not known.

    Attributes:
        latency_status, latency_reason: a reason unless measured.
        latency_ms: None unless measured.
        peak_memory_bytes, memory_reason: a reason if there is no figure.
        anonymous_memory_bytes: the part of it that no file backs, after an inference; None where the system does not
            tell.
        thread_sweep: the same run with other numbers of threads, its own among them; empty if not asked for.
        per_op: where the time goes; None if not asked for.
        undelegated: operations that no delegate took, by kind; None if not looked for or the runtime does not tell.
    """

    latency_status: Status = Status.NOT_RUN
    latency_reason: str = "not asked for"
    latency_ms: LatencyResult | None = None
    peak_memory_bytes: int | None = None
    memory_reason: str = "not asked for"
    anonymous_memory_bytes: int | None = None
    thread_sweep: tuple[ThreadTime, ...] = ()
    per_op: OperationProfile | None = None
    undelegated: dict[str, int] | None = None


@dataclass(frozen=True)
class RunResult(Timing, Accuracy, Setting):
    """One artifact in one runtime: setting, accuracy and timing side by side, as they stand in report.json under
    `runs`.

    Attributes:
        instructions: what one inference executes, see `InstructionCount`; None for a runtime that does not count.
    """

    instructions: dict[str, Any] | None = None

    @classmethod
    def of(cls, setting: Setting, accuracy: Accuracy, timing: Timing) -> Self:
        """Put a run together from its parts."""
        return cls(**vars(setting), **vars(accuracy), **vars(timing))

    def with_accuracy(self, found: Accuracy) -> Self:
        """Take another accuracy, or that of another run, in the place of this run's own."""
        return replace(self, **{item.name: getattr(found, item.name) for item in fields(Accuracy)})

    def with_timing(self, found: Timing) -> Self:
        """Take another timing, or that of another run, in the place of this run's own."""
        return replace(self, **{item.name: getattr(found, item.name) for item in fields(Timing)})

    def to_json(self) -> dict[str, Any]:
        """Give the entry of `runs`, in plain JSON types."""
        document = asdict(self)
        document["status"], document["latency_status"] = self.status.value, self.latency_status.value
        return {key: _listed(value) for key, value in document.items()}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Undo `to_json`; keys added by others are left alone. Raises ValidationError if it is no run."""
        known = {item.name for item in fields(cls)}
        try:
            values = {key: value for key, value in document.items() if key in known}
            latency, flips = values.get("latency_ms"), values.get("class_flips")
            per_op, delegation = values.get("per_op"), values.get("delegation")
            return cls(
                **{
                    **values,
                    "status": Status(values["status"]),
                    "latency_status": Status(values.get("latency_status", Status.NOT_RUN)),
                    "latency_ms": None if latency is None else LatencyResult.from_json(latency),
                    "delegation": None if delegation is None else Delegation(**delegation),
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
