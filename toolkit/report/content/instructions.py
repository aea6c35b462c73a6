"""Find words for what inferences execute and how far emulated answers agree.

Every kind of report draws the same rows.
"""

from __future__ import annotations

from toolkit.document.run_shape import Instructions, NativeAgreement
from toolkit.document.shape import ReportDocument
from toolkit.report.content.figures import MISSING

TITLE = "Executed instructions of one inference"
COLUMNS = ("artifact", "runtime", "instructions", "most of them", "answers beside this machine's CPU")
_CLASSES_SHOWN = 4


def instruction_rows(document: ReportDocument) -> list[tuple[str, ...]]:
    """Make one row a run that counted its instructions or compared its answers with this machine's own CPU.

    See COLUMNS.
    """
    return [
        (artifact.name, run.title, *_counted(run.instructions), _agreed(run.native_agreement))
        for artifact in document.artifacts
        for run in artifact.runs
        if run.instructions is not None or run.native_agreement is not None
    ]


def _counted(found: Instructions | None) -> tuple[str, str]:
    if found is None:
        return MISSING, MISSING
    ranked = sorted(found.by_class.items(), key=lambda item: -item[1])[:_CLASSES_SHOWN]
    shares = ", ".join(f"{name.replace('_', ' ')} {count / found.total:.0%}" for name, count in ranked)
    return f"{found.total:,}", shares


def _agreed(found: NativeAgreement | None) -> str:
    if found is None:
        return MISSING
    equal = f"the same bits on {found.bit_equal} of {found.images}"
    return equal if found.bit_equal == found.images else f"{equal}, at most {found.largest_difference:.1e} apart"
