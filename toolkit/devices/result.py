"""Read result.json, schema 1: what another machine measured of a bundle, checked strictly before a report takes
anything over.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from toolkit.errors import UsageError
from toolkit.run_folder.files import read_json

Count = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0)]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Matrix = Annotated[list[list[Count]], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=())


class Machine(_Strict):
    """Where it ran. `name` stands in reports and tells machines apart."""

    name: Name
    system: str
    release: str
    chip: str
    model: str
    cores: Annotated[int, Field(ge=1)] | None = None


class DeviceLatency(_Strict):
    """Milliseconds of single inferences, as `validation.LatencyResult` has them."""

    p50: Milliseconds
    p90: Milliseconds | None
    p95: Milliseconds
    p99: Milliseconds | None
    mean: Milliseconds
    min: Milliseconds
    max: Milliseconds
    samples: Annotated[int, Field(ge=1)]
    warmup: Count
    stable: bool
    threads: Annotated[int, Field(ge=1)] | None
    load_ms: Milliseconds
    first_run_ms: Milliseconds
    other_load: Annotated[float, Field(ge=0)] | None
    warning: str
    iqr: Milliseconds | None = None
    cold_start: Milliseconds | None = None
    cold_starts: Count = 0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        every = (self.min, self.p50, self.p90, self.p95, self.p99, self.max)
        ranked = [time for time in every if time is not None]
        if ranked != sorted(ranked) or not self.min <= self.mean <= self.max:
            raise ValueError("min, percentiles and max are not in order; no measurement gives such figures")
        return self


class PictureAnswer(_Strict):
    """One picture's confusion matrix (rows truth), and a hash of the class map where that is known."""

    id: str
    confusion: Matrix
    answer_sha256: Hash | None = None


class PlannedOperation(_Strict):
    """One operation and the unit it is meant to run on."""

    operator: str
    output: str
    preferred: str
    supported: list[str]
    weight: float | None


class Delegated(_Strict):
    """What the delegate that the backend names took of the graph, as `validation.Delegation` has it."""

    delegate: Name
    whole: bool
    taken: Count | None = None
    operations: Count | None = None
    parts: Count | None = None


class DeviceRun(_Strict):
    """One artifact on one backend of the machine; `signature` names one of several in its file."""

    artifact: Name
    sha256: Hash
    runner: Name
    backend: Name
    threads: Annotated[int, Field(ge=1)] | None
    status: Literal["measured", "not_run", "failed"]
    reason: str
    latency_ms: DeviceLatency | None
    pictures: list[PictureAnswer] = []
    class_flips: Matrix | None = None
    pixel_agreement: Annotated[float, Field(ge=0, le=1)] | None = None
    compute_plan: list[PlannedOperation] | None = None
    compute_plan_reason: str = ""
    signature: Name | None = None
    output_size: Annotated[list[Count], Field(min_length=2, max_length=2)] | None = None
    peak_memory_bytes: Count | None = None
    delegation: Delegated | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        measured = self.status == "measured"
        if measured and self.latency_ms is None and not self.pictures:
            raise ValueError("a measured run has neither latency nor pictures")
        if self.peak_memory_bytes is not None and self.latency_ms is None:
            raise ValueError("memory is told together with the latency, and there is none")
        if not measured and (self.latency_ms is not None or self.pictures or not self.reason):
            raise ValueError(f"a run that is {self.status} needs a reason and has no figures")
        return self


class DeviceResult(_Strict):
    """All of result.json. Answers are to the pictures of a bundle, or to those that judge the run
    (`dataset_digest`).
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    kind: Literal["segport-result"]
    bundle_sha256: Hash | None
    dataset_digest: Name | None = None
    created: Name
    machine: Machine
    versions: dict[str, str | None]
    settings: dict[str, Any]
    complete: bool
    runs: Annotated[list[DeviceRun], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_run_once(self) -> Self:
        rows = [(run.artifact, run.runner, run.backend, run.signature) for run in self.runs]
        if len(set(rows)) != len(rows):
            raise ValueError("a run is listed twice")
        if self.bundle_sha256 is not None and self.dataset_digest is not None:
            raise ValueError("it names a bundle and a dataset; its answers can be to the pictures of one")
        if self.bundle_sha256 is None and self.dataset_digest is None and any(run.pictures for run in self.runs):
            raise ValueError("answers are counted, but no bundle is named that holds their pictures, nor a dataset")
        return self


def read_result(path: Path) -> DeviceResult:
    """Read a result file as typed objects; raises UsageError with one sentence if it is not one."""
    try:
        document = read_json(path)
    except FileNotFoundError:
        raise UsageError(f"there is no result file {path}; check the path") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is damaged ({error}); copy it from the device again") from error
    if not isinstance(document, dict) or document.get("kind") != "segport-result" or document.get("schema") != 1:
        raise UsageError(
            f"{path} is no result of a bundle's measure.py or of `segport report --export` (schema 1); give the file"
            " that was written"
        )
    try:
        return DeviceResult.model_validate_json(json.dumps(document))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        said = first["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"{path} is not a sound result ({where}: {said}); measure again with the bundle's script"
        ) from error
