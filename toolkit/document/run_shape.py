"""Shape the runs of report.json: one artifact in one runtime, with its accuracy, its times and what explains them.

Keys may be added (unknown ones are kept), none is renamed. Accuracy and change of accuracy are fractions 0..1 and
-1..1, times milliseconds, sizes bytes. `None` always means "not known", never zero.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Change = Annotated[float, Field(ge=-1, le=1)]
Interval = tuple[Change, Change]
Count = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0)]
Channel = Annotated[int, Field(ge=0, le=255)]
Colour = tuple[Channel, Channel, Channel]
Status = Literal["measured", "not_run", "failed"]


class Part(BaseModel):
    """A part of a report: frozen, with whatever keys others have added."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, protected_namespaces=())

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types, without any key that was not given."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


RunKey = tuple[str, str, str | None, str]
"""Runner, backend, signature (of a file with several output sizes), and machine if that is another than the
report's.
"""
Size = tuple[Count, Count]
"""(height, width) in pixels."""


class Latency(Part):
    """Milliseconds of single inferences; `samples` were timed after `warmup` that were not.

    A runtime's own benchmark may tell no `p90` and `p99`.

    `iqr` is the spread, 75th minus 25th percentile. `cold_start` is opening and the first inference in a fresh process.
    Of `groups` groups of runners, those of one `group` (`in_turns` of them) were sampled in turns. `stable` says
    whether times had settled when sampling began, `other_load` how many cores other processes kept busy meanwhile.
    """

    p50: Milliseconds
    p90: Milliseconds | None
    p95: Milliseconds
    p99: Milliseconds | None
    mean: Milliseconds
    min: Milliseconds
    max: Milliseconds | None = None
    samples: Annotated[int, Field(ge=1)]
    warmup: Count
    stable: bool = True
    threads: int | None = None
    load_ms: Milliseconds | None = None
    first_run_ms: Milliseconds | None = None
    other_load: float | None = None
    warning: str = ""
    iqr: Milliseconds | None = None
    cold_start: Milliseconds | None = None
    cold_starts: Count = 0
    in_turns: Annotated[int, Field(ge=1)] = 1
    group: Annotated[int, Field(ge=1)] = 1
    groups: Annotated[int, Field(ge=1)] = 1

    @property
    def slowest_known(self) -> float:
        """The 99th percentile, or the 95th where that is the highest that is known."""
        return self.p95 if self.p99 is None else self.p99


class WorstClass(Part):
    """The class that lost most IoU."""

    name: str
    delta: Change


class WorstImage(Part):
    """One picture on which a run lost: its mean IoU with the reference and with the artifact."""

    id: str
    reference_miou: Fraction
    miou: Fraction


class ThreadTime(Part):
    """A run with one number of threads, sampled in turns with the others.

    A reason in the place of figures if it failed.
    """

    threads: Annotated[int, Field(ge=1)]
    p50: Milliseconds | None
    p90: Milliseconds | None = None
    min: Milliseconds | None = None
    iqr: Milliseconds | None = None
    samples: Count = 0
    reason: str = ""


class OperationShare(Part):
    """One operation of a graph, or all of one kind: mean milliseconds and calls of an inference, share of all
    operations.
    """

    name: str
    kind: str
    ms: Milliseconds
    share: Fraction
    calls: Annotated[float, Field(ge=0)]
    delegated: bool | None = None


class OperationProfile(Part):
    """Where the time of an inference goes, longest first. Profiling slows it down: shares count, not milliseconds."""

    status: Status
    reason: str = ""
    runs: Count = 0
    total_ms: Milliseconds | None = None
    kinds: list[OperationShare] = []
    operations: list[OperationShare] = []


class Instructions(Part):
    """What one inference executes on the CPU `profile`, in all and by class; a number of instructions, never a time."""

    total: Count
    by_class: dict[str, Count]
    profile: str
    emulator: str


class NativeAgreement(Part):
    """Raw answers of a run beside those of the same file on this machine's own CPU, in the runtime `against`."""

    against: str
    images: Count
    bit_equal: Count
    largest_difference: Annotated[float, Field(ge=0)]


class Delegation(Part):
    """What a delegate took of the graph, as the runtime says: `taken` of `operations`, in `parts` pieces where it
    tells.
    """

    delegate: str
    whole: bool
    taken: Count | None = None
    operations: Count | None = None
    parts: Count | None = None


class Margins(Part):
    """The float network's lead of its first class over its second, in logits, at pixels that got another class."""

    pixels: Count
    mean: float | None
    p95: float | None


class Run(Part):
    """One artifact in one runtime. `status` is of the accuracy, `latency_status` of the latency.

    `versions`, `measured_at` and `compute_plan` are those of another machine whose result was merged.
    """

    runner: str
    backend: str
    threads: Annotated[int, Field(ge=1)] | None
    status: Status
    reason: str | None
    images: Count | None = None
    evaluated_at: Size | None = None
    judged_at: str | None = None
    miou: Fraction | None
    mean_f1: Fraction | None
    overall_f1: Fraction | None = None
    pixel_accuracy: Fraction | None = None
    per_class_iou: dict[str, Fraction | None]
    per_class_f1: dict[str, Fraction | None] = {}
    per_class_precision: dict[str, Fraction | None] = {}
    per_class_recall: dict[str, Fraction | None] = {}
    per_class_boundary_iou: dict[str, Fraction | None] = {}
    per_class_boundary_f1: dict[str, Fraction | None] = {}
    metrics: dict[str, float | None] = {}
    delta_miou: Change | None
    delta_per_class_iou: dict[str, Change | None]
    delta_miou_ci95: Interval | None
    delta_per_class_iou_ci95: dict[str, Interval | None] = {}
    lost_classes: list[str] = []
    pixel_agreement: Fraction | None
    class_flips: list[list[Count]] | None = None
    margin_at_flips: Margins | None = None
    worst_images: list[WorstImage] = []
    latency_status: Status | None = None
    latency_reason: str | None = None
    latency_ms: Latency | None
    peak_memory_bytes: Count | None
    memory_reason: str | None = None
    anonymous_memory_bytes: Count | None = None
    emulates: str = ""
    machine: str = ""
    machine_details: dict[str, Any] | None = None
    delegation: Delegation | None = None
    output_size: Size | None = None
    signature: str | None = None
    thread_sweep: list[ThreadTime] = []
    per_op: OperationProfile | None = None
    undelegated: dict[str, int] | None = None
    instructions: Instructions | None = None
    native_agreement: NativeAgreement | None = None
    worst_class: WorstClass | None = None
    finding: str = ""
    finding_per_class: dict[str, str | None] = {}
    versions: dict[str, str | None] | None = None
    measured_at: str | None = None
    compute_plan: dict[str, Any] | None = None
    compute_plan_reason: str = ""

    @property
    def key(self) -> RunKey:
        """What the runs of one artifact are told apart by."""
        return self.runner, self.backend, self.signature, self.machine

    @property
    def came_by_merge(self) -> bool:
        """Whether it was measured elsewhere and came in with `segport report --merge`."""
        return self.measured_at is not None

    @property
    def title(self) -> str:
        """What tables call it: runner, backend, whether its delegate took only a part, and another machine."""
        part = ", in part" if self.delegation and not self.delegation.whole and self.backend != "cpu" else ""
        title = self.runner if self.backend in ("", self.runner) else f"{self.runner} ({self.backend}{part})"
        return f"{title} on {self.machine}" if self.machine else title
