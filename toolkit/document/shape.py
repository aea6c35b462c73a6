"""The shape of report.json, schema 1: the one source from which the JSON Schema is made and every report is drawn.

Keys may be added (unknown ones are kept), none is renamed. Accuracy and change of accuracy are fractions 0..1 and
-1..1, times milliseconds, sizes bytes. `None` always means "not known", never zero.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, le=1)]
Change = Annotated[float, Field(ge=-1, le=1)]
Interval = tuple[Change, Change]
Count = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0)]
Channel = Annotated[int, Field(ge=0, le=255)]
Colour = tuple[Channel, Channel, Channel]
Status = Literal["measured", "not_run", "failed"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, protected_namespaces=())


class Model(_Part):
    """What was converted. `colours` holds one RGB triple per class, or nothing."""

    name: str
    parameters: Count | None
    weights_sha256: str | None
    inputs: list[dict[str, Any]]
    classes: Annotated[list[str], Field(min_length=1)]
    colours: list[Colour] = []

    @model_validator(mode="after")
    def _one_colour_per_class(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is named twice; class names must be unique")
        if self.colours and len(self.colours) != len(self.classes):
            raise ValueError(f"{len(self.classes)} classes but {len(self.colours)} colours; give one per class or none")
        return self


class DatasetEntry(_Part):
    """The pictures that judge."""

    name: str
    split: str
    images: Count
    digest: str
    labels: bool = True
    layout: str = ""


class Latency(_Part):
    """Milliseconds of single inferences; `samples` were timed after `warmup` that were not.

    A runtime's own benchmark may tell no `p90` and `p99`.

    `iqr` is the spread, 75th minus 25th percentile. `cold_start` is opening and the first inference in a fresh process.
    Of `groups` groups of runners, those of one `group` (`in_turns` of them) were sampled in turns.
    """

    p50: Milliseconds
    p90: Milliseconds | None
    p95: Milliseconds
    p99: Milliseconds | None
    mean: Milliseconds
    min: Milliseconds
    samples: Annotated[int, Field(ge=1)]
    warmup: Count
    load_ms: Milliseconds | None = None
    first_run_ms: Milliseconds | None = None
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


Size = tuple[Count, Count]
"""(height, width) in pixels."""


class ReferenceAtSize(_Part):
    """The float network at one of several output sizes."""

    output_size: Size
    miou: Fraction | None
    mean_f1: Fraction | None
    per_class_iou: dict[str, Fraction | None]
    latency_ms: Latency | None


class OneAnswer(_Part):
    """The most frequent class of a dataset, and the mean IoU of answering it at every pixel."""

    class_: Annotated[str, Field(alias="class")]
    miou: Fraction


class ReferenceEntry(_Part):
    """The float network, which every artifact is compared with; under `sizes` at each output size if there are several."""

    runner: str
    miou: Fraction | None
    mean_f1: Fraction | None
    per_class_iou: dict[str, Fraction | None]
    latency_ms: Latency | None
    evaluated_at: Size | None = None
    judged_at: str | None = None
    per_class_boundary_iou: dict[str, Fraction | None] = {}
    per_class_boundary_f1: dict[str, Fraction | None] = {}
    metrics: dict[str, float | None] = {}
    of_one_answer: OneAnswer | None = None
    sizes: list[ReferenceAtSize] = []


class WorstClass(_Part):
    """The class that lost most IoU."""

    name: str
    delta: Change


class ThreadTime(_Part):
    """A run with one number of threads, sampled in turns with the others; a reason in the place of figures if it failed."""

    threads: Annotated[int, Field(ge=1)]
    p50: Milliseconds | None
    p90: Milliseconds | None = None
    min: Milliseconds | None = None
    iqr: Milliseconds | None = None
    samples: Count = 0
    reason: str = ""


class OperationShare(_Part):
    """One operation of a graph, or all of one kind: mean milliseconds and calls of an inference, share of all operations."""

    name: str
    kind: str
    ms: Milliseconds
    share: Fraction
    calls: Annotated[float, Field(ge=0)]
    delegated: bool | None = None


class OperationProfile(_Part):
    """Where the time of an inference goes, longest first. Profiling slows it down: shares count, not milliseconds."""

    status: Status
    reason: str = ""
    runs: Count = 0
    total_ms: Milliseconds | None = None
    kinds: list[OperationShare] = []
    operations: list[OperationShare] = []


class Instructions(_Part):
    """What one inference executes on the CPU `profile`, in all and by class; a number of instructions, never a time."""

    total: Count
    by_class: dict[str, Count]
    profile: str
    emulator: str


class NativeAgreement(_Part):
    """Raw answers of a run beside those of the same file on this machine's own CPU, in the runtime `against`."""

    against: str
    images: Count
    bit_equal: Count
    largest_difference: Annotated[float, Field(ge=0)]


class Delegation(_Part):
    """What a delegate took of the graph, as the runtime says: `taken` of `operations`, in `parts` pieces where it tells."""

    delegate: str
    whole: bool
    taken: Count | None = None
    operations: Count | None = None
    parts: Count | None = None


class Margins(_Part):
    """The float network's lead of its first class over its second, in logits, at pixels that got another class."""

    pixels: Count
    mean: float | None
    p95: float | None


class Run(_Part):
    """One artifact in one runtime. `status` is of the accuracy, `latency_status` of the latency."""

    runner: str
    backend: str
    threads: Annotated[int, Field(ge=1)] | None
    status: Status
    reason: str | None
    miou: Fraction | None
    mean_f1: Fraction | None
    per_class_iou: dict[str, Fraction | None]
    delta_miou: Change | None
    delta_per_class_iou: dict[str, Change | None]
    delta_miou_ci95: Interval | None
    pixel_agreement: Fraction | None
    latency_ms: Latency | None
    peak_memory_bytes: Count | None
    images: Count | None = None
    evaluated_at: tuple[Count, Count] | None = None
    judged_at: str | None = None
    worst_class: WorstClass | None = None
    lost_classes: list[str] = []
    finding: str = ""
    finding_per_class: dict[str, str | None] = {}
    per_class_boundary_iou: dict[str, Fraction | None] = {}
    per_class_boundary_f1: dict[str, Fraction | None] = {}
    metrics: dict[str, float | None] = {}
    class_flips: list[list[Count]] | None = None
    delta_per_class_iou_ci95: dict[str, Interval | None] = {}
    latency_status: Status | None = None
    latency_reason: str | None = None
    margin_at_flips: Margins | None = None
    machine: str = ""
    output_size: Size | None = None
    signature: str | None = None
    thread_sweep: list[ThreadTime] = []
    per_op: OperationProfile | None = None
    undelegated: dict[str, int] | None = None
    instructions: Instructions | None = None
    native_agreement: NativeAgreement | None = None
    anonymous_memory_bytes: Count | None = None
    memory_reason: str | None = None
    emulates: str = ""
    delegation: Delegation | None = None
    machine_details: dict[str, Any] | None = None

    @property
    def title(self) -> str:
        """Runner, backend, whether its delegate took only a part, and (if another than the report's) machine, for people."""
        part = ", in part" if self.delegation and not self.delegation.whole and self.backend != "cpu" else ""
        title = self.runner if self.backend in ("", self.runner) else f"{self.runner} ({self.backend}{part})"
        return f"{title} on {self.machine}" if self.machine else title


class ReasonDetail(_Part):
    """What one reason is about, in words that stay the same from run to run, and how it ended."""

    about: str
    outcome: Literal["pass", "fail", "not_run"]


class VerdictEntry(_Part):
    """Whether an artifact may be used, and why. `details` say more of each reason, in the same order, or are empty."""

    status: Literal["pass", "fail", "not_run"]
    reasons: list[str]
    details: list[ReasonDetail] = []

    @model_validator(mode="after")
    def _a_detail_for_each_reason(self) -> Self:
        if self.details and len(self.details) != len(self.reasons):
            raise ValueError(f"{len(self.reasons)} reasons but {len(self.details)} details; give one for each or none")
        return self


class Limits(_Part):
    """Largest losses allowed, as fractions of IoU."""

    miou_drop: Fraction
    class_drop: Fraction
    on_bound: bool = False
    agreement: Fraction | None = None


class Parity(_Part):
    """How close an artifact's logits are to the float network's: signal-to-quantization-noise ratio in decibels."""

    sqnr_db: float


class SignatureEntry(_Part):
    """What an app calls for one of the output sizes that an artifact has."""

    name: str
    output_size: Size


class LintEntry(_Part):
    """What one accelerator is known not to take of an artifact; `sentence` says it in one."""

    target: str
    title: str
    operations: Count
    taken: Count
    partitions: Count
    between: list[dict[str, int]]
    findings: list[dict[str, Any]]
    sentence: str
    caveat: str = ""


class ArtifactEntry(_Part):
    """One file that was (or, with `path` null, could not be) made, with all its runs."""

    name: str
    format: str
    recipe: str
    path: str | None
    sha256: str | None
    size_bytes: Count | None
    runs: list[Run]
    verdict: VerdictEntry
    limits: Limits | None = None
    parity: Parity | None = None
    provenance: dict[str, Any] = {}
    signatures: list[SignatureEntry] = []
    lint: list[LintEntry] = []


class CheckEntry(_Part):
    """What one check found; `artifact` is null for those of the run as a whole."""

    name: str
    artifact: str | None
    status: Literal["pass", "warn", "fail", "not_run"]
    message: str
    facts: dict[str, Any] = {}


class ExampleAnswer(_Part):
    """One artifact's answer to an example picture; paths relative to the run folder."""

    prediction: str
    difference: str | None = None
    miou: Fraction | None = None
    pixel_agreement: Fraction | None = None


class Example(_Part):
    """One picture shown in the report; paths relative to the run folder."""

    id: str
    picture: str
    truth: str
    reference: str
    artifacts: dict[str, ExampleAnswer]


class ReportDocument(_Part):
    """All of report.json. `runners_named` are those the user picked, `runners_absent` those of them that this machine lacks."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    model: Model
    dataset: DatasetEntry
    environment: dict[str, Any]
    reference: ReferenceEntry
    artifacts: list[ArtifactEntry]
    title: str | None = None
    command: str | None = None
    created: str | None = None
    duration_seconds: Annotated[float, Field(ge=0)] | None = None
    warnings: list[str] = []
    runners_named: list[str] = []
    runners_absent: list[str] = []
    examples: list[Example] = []
    checks: list[CheckEntry] = []

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        names = [artifact.name for artifact in self.artifacts]
        if len(set(names)) != len(names):
            raise ValueError("an artifact is named twice; artifact names must be unique")
        known = set(self.model.classes)
        scored: dict[str, dict[str, Any]] = {"reference": self.reference.per_class_iou}
        for artifact in self.artifacts:
            for run in artifact.runs:
                scored[f"{artifact.name} in {run.title}"] = {**run.per_class_iou, **run.delta_per_class_iou}
                if lacking := set(run.delta_per_class_iou) - set(run.per_class_iou):
                    raise ValueError(
                        f"{artifact.name} in {run.title} has a change but no score for {sorted(lacking)[0]!r}"
                    )
        for where, scores in scored.items():
            if unknown := set(scores) - known:
                raise ValueError(f"{where} scores {', '.join(sorted(unknown))}, which model.classes does not list")
        return self
