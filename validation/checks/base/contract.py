"""The contract of a check: a small look at an artifact or a run that catches a mistake which scores alone would hide.

Every module in `validation.checks` defines CHECK. A check that finds a mistake fails by name and says in one sentence
what is wrong and what to do; one that cannot look says so (`NOT_RUN`) and is never a pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from validation.checks.base.evidence import ArtifactEvidence, RunEvidence


class CheckStatus(StrEnum):
    """Only `FAIL` fails a run; `WARN` is for a person to look at."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    NOT_RUN = "not_run"


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Attributes:
        name: of the check.
        status: see `CheckStatus`.
        message: one sentence.
        facts: the figures behind it, plain JSON types.
        artifact: whose it is; None for the run as a whole.
    """

    name: str
    status: CheckStatus
    message: str
    facts: dict[str, Any] = field(default_factory=dict)
    artifact: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the entry in the report's `checks`."""
        return {
            "name": self.name,
            "artifact": self.artifact,
            "status": self.status.value,
            "message": self.message,
            "facts": self.facts,
        }


@dataclass(frozen=True)
class Finding:
    """What a check's function returns: status, sentence and figures; see `CheckResult`."""

    status: CheckStatus
    message: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ArtifactCheck:
    """A check of one artifact.

    Attributes:
        name: in reports.
        question: what it asks, for people.
        look: does it.
        formats: artifact formats it can look at; empty for all.
    """

    name: str
    question: str
    look: Callable[[ArtifactEvidence], Finding]
    formats: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunCheck:
    """A check of a run as a whole; attributes as of `ArtifactCheck`."""

    name: str
    question: str
    look: Callable[[RunEvidence], Finding]
