"""The contract of a check: a small look at an artifact or a run that catches a mistake which scores alone would hide.

Every module in `validation.checks` defines CHECK. A check that finds a mistake fails by name and says in one sentence
what is wrong and what to do; one that cannot look says so (`NOT_RUN`) and is never a pass.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from validation.errors import RunnerError, ValidationError
from validation.evidence import ArtifactEvidence, RunEvidence


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
        """The entry of the report's `checks`."""
        return {
            "name": self.name, "artifact": self.artifact, "status": self.status.value, "message": self.message,
            "facts": self.facts,
        }  # fmt: skip


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


@cache
def checks() -> dict[str, ArtifactCheck | RunCheck]:
    """All checks by name: every module in `validation.checks` that defines CHECK.

    Raises:
        ValidationError: two checks share a name.
    """
    from validation import checks as room

    found: dict[str, ArtifactCheck | RunCheck] = {}
    for module_info in sorted(pkgutil.iter_modules(room.__path__), key=lambda info: info.name):
        candidate: ArtifactCheck | RunCheck = importlib.import_module(f"{room.__name__}.{module_info.name}").CHECK
        if candidate.name in found:
            raise ValidationError(f"two checks are named {candidate.name!r}; rename one in validation/checks")
        found[candidate.name] = candidate
    return found


def check_artifact(evidence: ArtifactEvidence) -> list[CheckResult]:
    """Every check that applies to an artifact's format; a runtime that is missing or fails is a result."""
    wanted = [check for check in checks().values() if isinstance(check, ArtifactCheck)]
    name = evidence.artifact.name
    applying = [check for check in wanted if not check.formats or evidence.artifact.format in check.formats]
    return [_named(check.name, _looked(check.look, evidence), name) for check in applying]


def check_run(evidence: RunEvidence) -> list[CheckResult]:
    """Every check of the run as a whole."""
    wanted = [check for check in checks().values() if isinstance(check, RunCheck)]
    return [_named(check.name, check.look(evidence), None) for check in wanted]


def failures(results: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """Those that failed."""
    return tuple(item for item in results if item.status is CheckStatus.FAIL)


def _looked(look: Callable[[ArtifactEvidence], Finding], evidence: ArtifactEvidence) -> Finding:
    try:
        return look(evidence)
    except RunnerError as error:
        return Finding(CheckStatus.NOT_RUN, str(error))


def _named(name: str, found: Finding, artifact: str | None) -> CheckResult:
    return CheckResult(name, found.status, found.message, found.facts, artifact)
