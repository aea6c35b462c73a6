"""Shape report.json, schema 1: the one source from which the JSON Schema is made and every report is drawn.

Keys may be added (unknown ones are kept), none is renamed. Accuracy and change of accuracy are fractions 0..1 and
-1..1, times milliseconds, sizes bytes. `None` always means "not known", never zero.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from toolkit.document.run_shape import Colour, Count, Fraction, Latency, Part, Run, Size


class Model(Part):
    """What was converted. `colours` holds one RGB triple per class, or nothing."""

    name: str
    origin: str = ""
    parameters: Count | None
    weights_sha256: str | None
    inputs: list[dict[str, Any]]
    output_size: Size | None = None
    classes: Annotated[list[str], Field(min_length=1)]
    colours: list[Colour] = Field(default_factory=list)
    scores: str = "logits"
    scores_note: str = ""

    @model_validator(mode="after")
    def _one_colour_per_class(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is named twice; class names must be unique")
        if self.colours and len(self.colours) != len(self.classes):
            raise ValueError(f"{len(self.classes)} classes but {len(self.colours)} colours; give one per class or none")
        return self


class DatasetEntry(Part):
    """The pictures that judge."""

    name: str
    split: str
    images: Count
    digest: str
    labels: bool = True
    layout: str = ""
    ignores: bool = False


class OneAnswer(Part):
    """The most frequent class of a dataset, and the mean IoU of answering it at every pixel."""

    class_: Annotated[str, Field(alias="class")]
    miou: Fraction


class Census(Part):
    """Pixels that the masks ignore, and pixels of each class in the masks and among the float network's answers."""

    ignored: Count
    truth: dict[str, Count]
    answered: dict[str, Count]


class ReferenceScores(Part):
    """What the float network reaches, and how long it takes."""

    runner: str = ""
    images: Count | None = None
    evaluated_at: Size | None = None
    judged_at: str | None = None
    miou: Fraction | None
    mean_f1: Fraction | None
    overall_f1: Fraction | None = None
    pixel_accuracy: Fraction | None = None
    per_class_iou: dict[str, Fraction | None]
    per_class_f1: dict[str, Fraction | None] = Field(default_factory=dict)
    per_class_boundary_iou: dict[str, Fraction | None] = Field(default_factory=dict)
    per_class_boundary_f1: dict[str, Fraction | None] = Field(default_factory=dict)
    metrics: dict[str, float | None] = Field(default_factory=dict)
    of_one_answer: OneAnswer | None = None
    census: Census | None = None
    latency_ms: Latency | None


class ReferenceAtSize(ReferenceScores):
    """The float network at one of several output sizes."""

    output_size: Size


class ReferenceEntry(ReferenceScores):
    """The float network, which every artifact is compared with.

    Under `sizes` at each output size if there are several.
    """

    runner: str
    sizes: list[ReferenceAtSize] = Field(default_factory=list)


class ReasonDetail(Part):
    """What one reason is about, in words that stay the same from run to run, and how it ended."""

    about: str
    outcome: Literal["pass", "fail", "not_run"]


class VerdictEntry(Part):
    """Whether an artifact may be used, and why. `details` say more of each reason, in the same order, or are empty."""

    status: Literal["pass", "fail", "not_run"]
    reasons: list[str]
    details: list[ReasonDetail] = Field(default_factory=list)

    @model_validator(mode="after")
    def _a_detail_for_each_reason(self) -> Self:
        if self.details and len(self.details) != len(self.reasons):
            raise ValueError(f"{len(self.reasons)} reasons but {len(self.details)} details; give one for each or none")
        return self


class RecordedGates(Part):
    """The limits that an artifact was judged by: largest losses as fractions of IoU; see `validation.verdict.gates`."""

    miou_drop: Fraction
    class_drop: Fraction
    on_bound: bool = False
    agreement: Fraction | None = None


class Parity(Part):
    """How close an artifact's logits are to the float network's: signal-to-quantization-noise ratio in decibels."""

    sqnr_db: float


class SignatureEntry(Part):
    """What an app calls for one of the output sizes that an artifact has."""

    name: str
    output_size: Size


class LintEntry(Part):
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


class ArtifactEntry(Part):
    """One file that was (or, with `path` null, could not be) made, with all its runs."""

    name: str
    format: str
    recipe: str
    path: str | None
    sha256: str | None
    size_bytes: Count | None
    provenance: dict[str, Any] = Field(default_factory=dict)
    signatures: list[SignatureEntry] = Field(default_factory=list)
    limits: RecordedGates | None = None
    parity: Parity | None = None
    runs: list[Run]
    verdict: VerdictEntry
    lint: list[LintEntry] = Field(default_factory=list)
    lint_reason: str = ""


class CheckEntry(Part):
    """What one check found; `artifact` is null for those of the run as a whole."""

    name: str
    artifact: str | None
    status: Literal["pass", "warn", "fail", "not_run"]
    message: str
    facts: dict[str, Any] = Field(default_factory=dict)


class ExampleAnswer(Part):
    """One artifact's answer to an example picture; paths relative to the run folder."""

    prediction: str
    difference: str | None = None
    miou: Fraction | None = None
    pixel_agreement: Fraction | None = None


class Example(Part):
    """One picture shown in the report; paths relative to the run folder."""

    id: str
    picture: str
    truth: str
    reference: str
    artifacts: dict[str, ExampleAnswer]


class ReportDocument(Part):
    """All of report.json. `runners_named` are those the user picked, `runners_absent` those of them that this
    machine lacks.

    `meaningless` says why the scores show nothing, so that nothing passes by them; empty if they do.
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    model: Model
    dataset: DatasetEntry
    environment: dict[str, Any]
    reference: ReferenceEntry
    artifacts: list[ArtifactEntry]
    examples: list[Example] = Field(default_factory=list)
    title: str | None = None
    command: str | None = None
    created: str | None = None
    duration_seconds: Annotated[float, Field(ge=0)] | None = None
    meaningless: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    runners_named: list[str] = Field(default_factory=list)
    runners_absent: list[str] = Field(default_factory=list)
    checks: list[CheckEntry] = Field(default_factory=list)
    bench_command: str | None = None

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
