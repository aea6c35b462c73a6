"""One file a check; each defines CHECK (see `validation.checks.base.contract`)."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache

from validation.checks.base.contract import ArtifactCheck, CheckResult, CheckStatus, Finding, RunCheck
from validation.checks.base.evidence import ArtifactEvidence, RunEvidence
from validation.errors import RunnerError, ValidationError


@cache
def checks() -> dict[str, ArtifactCheck | RunCheck]:
    """List all checks by name: every module in `validation.checks` that defines CHECK.


    Raises:
        ValidationError: two checks share a name.
    """
    found: dict[str, ArtifactCheck | RunCheck] = {}
    names = sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.ispkg)
    for name in names:
        candidate: ArtifactCheck | RunCheck = importlib.import_module(f"{__name__}.{name}").CHECK
        if candidate.name in found:
            raise ValidationError(f"two checks are named {candidate.name!r}; rename one in validation/checks")
        found[candidate.name] = candidate
    return found


def check_artifact(evidence: ArtifactEvidence) -> list[CheckResult]:
    """Make every check that applies to an artifact's format; a runtime that is missing or fails is a result."""
    wanted = [check for check in checks().values() if isinstance(check, ArtifactCheck)]
    name = evidence.artifact.name
    applying = [check for check in wanted if not check.formats or evidence.artifact.format in check.formats]
    return [_named(check.name, _looked(check.look, evidence), name) for check in applying]


def check_run(evidence: RunEvidence) -> list[CheckResult]:
    """Make every check of the run as a whole."""
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
