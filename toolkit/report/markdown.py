"""Write report.md: short enough for a comment on a pull request."""

from __future__ import annotations

import re

from toolkit.document.shape import ReportDocument
from toolkit.report.content.agreement import COLUMNS, agreement_rows
from toolkit.report.content.checks import check_lines
from toolkit.report.content.evidence import edges_sentence, findings_sentence
from toolkit.report.content.figures import (
    MISSING,
    STATUS_WORDS,
    VERDICT_WORDS,
    counted,
    duration,
    fraction,
    interval,
    judged_where,
    listed,
    megabytes,
    milliseconds,
    points,
)
from toolkit.report.content.instructions import COLUMNS as INSTRUCTION_COLUMNS
from toolkit.report.content.instructions import TITLE as INSTRUCTION_TITLE
from toolkit.report.content.instructions import instruction_rows
from toolkit.report.content.metrics import TITLE as METRIC_TITLE
from toolkit.report.content.metrics import metric_columns, metric_rows
from toolkit.report.content.rows import (
    MatrixRow,
    accuracy_words,
    gaps,
    judging_run,
    matrix,
    shown_verdict,
    summarize,
    worst_words,
)
from toolkit.report.content.sizes import size_rows

_WORST_SHOWN = 3
_SPECIAL = re.compile(r"([\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
"""Underscores inside words are left alone: names such as int8_static stay readable as plain text."""


def render(document: ReportDocument) -> str:
    """Write the whole file."""
    summary = summarize(document)
    parts = [
        f"# {_text(document.title or f'segport: {document.model.name}')}",
        f"**{VERDICT_WORDS[summary.status].capitalize()}.** {_text(' '.join((summary.headline, *summary.details)))}",
        _matrix(document),
        _reference(document),
        _text(" ".join(part for part in (findings_sentence(document), edges_sentence(document)) if part)),
        _sizes(document),
        _worst_classes(document),
        _metrics(document),
        _agreement(document),
        _instructions(document),
        _verdicts(document),
        _checks(document),
        _lint(document),
        _gaps(document),
        _environment(document),
        _reproduce(document),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(header: list[str], rows: list[list[str]], right: set[int]) -> str:
    """Write a table in GitHub's Markdown; cells must be escaped already, columns in `right` are aligned right."""
    rule = ["---:" if column in right else "---" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *rows])


def _matrix(document: ReportDocument) -> str:
    header = ["artifact", "runtime", "size", "mIoU", "change [95 %]", "worst class", "p50 ms", "p90 ms", "verdict"]
    return table(header, [_row(row) for row in matrix(document)], right={2, 3, 4, 6, 7})


def _row(row: MatrixRow) -> list[str]:
    run, latency = row.run, row.run.latency_ms if row.run else None
    return [
        _text(row.artifact.name),
        _text(run.title) if run else MISSING,
        megabytes(row.artifact.size_bytes),
        accuracy_words(row) or fraction(run.miou if run else None),
        f"{points(run.delta_miou)} {interval(run.delta_miou_ci95)}".strip() if run else MISSING,
        _text(worst_words(row)),
        milliseconds(latency.p50 if latency else None),
        milliseconds(latency.p90 if latency else None),
        _verdict(row),
    ]


def _verdict(row: MatrixRow) -> str:
    status = shown_verdict(row)
    if status is None:
        return MISSING
    return f"**{VERDICT_WORDS[status]}**" if status == "fail" else VERDICT_WORDS[status]


def _reference(document: ReportDocument) -> str:
    reference, dataset = document.reference, document.dataset
    return (
        f"Float reference ({_text(reference.runner)}): mIoU {fraction(reference.miou)} on "
        f"{counted(dataset.images, 'picture')} of {_text(dataset.name)} ({_text(dataset.split)}){_where(document)}. "
        "Changes are against it; 1 pt is 0.01 of IoU."
        + (f" Read as {_text(dataset.layout)}." if dataset.layout else "")
        + (f" Its answers: {_text(document.model.scores_note)}." if document.model.scores_note else "")
    )


def _where(document: ReportDocument) -> str:
    found = judged_where(document.reference.judged_at, document.reference.evaluated_at)
    return found and f", {found}"


def _sizes(document: ReportDocument) -> str:
    rows = [
        [
            _text(row.name),
            _text(row.runtime),
            row.size,
            row.miou,
            f"{row.change} {row.interval}".strip(),
            _text(row.worst),
            row.p50,
            row.p90,
        ]
        for row in size_rows(document)
    ]
    if not rows:
        return ""
    header = ["artifact", "runtime", "answer", "mIoU", "change [95 %]", "worst class", "p50 ms", "p90 ms"]
    said = "One file, one set of weights; labels and reference are those of each size."
    return f"## Output sizes\n\n{said}\n\n" + table(header, rows, right={2, 3, 4, 6, 7})


def _worst_classes(document: ReportDocument) -> str:
    rows = []
    for artifact in document.artifacts:
        run = judging_run(document, artifact)
        known = (
            [(change, name) for name, change in run.delta_per_class_iou.items() if change is not None] if run else []
        )
        lost = [(change, name) for change, name in sorted(known) if points(change).startswith("-")]
        worst = [f"{_text(name)} {points(change)}" for change, name in lost[:_WORST_SHOWN]]
        if worst:
            rows.append([_text(artifact.name), *worst, *[MISSING] * (_WORST_SHOWN - len(worst))])
    if not rows:
        return ""
    return "## Classes that lost most\n\n" + table(["artifact", "worst", "second", "third"], rows, right=set())


def _verdicts(document: ReportDocument) -> str:
    lines = [
        f"- {_text(artifact.name)}: {_text('; '.join(artifact.verdict.reasons))}"
        for artifact in document.artifacts
        if artifact.verdict.status == "fail" and artifact.path is not None
    ]
    return "## What fails\n\n" + "\n".join(lines) if lines else ""


def _metrics(document: ReportDocument) -> str:
    columns = list(metric_columns(document))
    rows = [[_text(cell) for cell in row] for row in metric_rows(document)]
    if not rows:
        return ""
    return f"## {METRIC_TITLE}\n\n{table(columns, rows, right=set(range(2, len(columns))))}"


def _agreement(document: ReportDocument) -> str:
    rows = agreement_rows(document)
    if not rows:
        return ""
    body = table(list(COLUMNS), [[_text(cell) for cell in row.cells] for row in rows], right={2, 4, 5})
    return f"## Agreement with the float network\n\n{body}"


def _instructions(document: ReportDocument) -> str:
    rows = [[_text(cell) for cell in row] for row in instruction_rows(document)]
    if not rows:
        return ""
    return f"## {INSTRUCTION_TITLE}\n\n{table(list(INSTRUCTION_COLUMNS), rows, right={2})}"


def _checks(document: ReportDocument) -> str:
    lines = [f"- {_text(line.sentence)}" for line in check_lines(document.checks)]
    return "## Checks\n\n" + "\n".join(lines) if lines else ""


def _lint(document: ReportDocument) -> str:
    """Write one line an artifact and accelerator that leaves something to the CPU; the reasons are in report.json."""
    lines = [
        f"- {_text(artifact.name)}: {_text(entry.sentence)}"
        for artifact in document.artifacts
        for entry in artifact.lint
        if entry.taken < entry.operations
    ]
    if not lines:
        return ""
    return "## What accelerators are known not to take\n\n" + "\n".join(lines)


def _gaps(document: ReportDocument) -> str:
    lines = [
        f"- {_text(gap.what)} {STATUS_WORDS[gap.status]} for {_text(listed(gap.where, most=6))}: {_text(gap.reason)}"
        for gap in gaps(document)
    ]
    return "## What was not measured\n\n" + "\n".join(lines) if lines else ""


def _environment(document: ReportDocument) -> str:
    facts = [
        f"{_text(key.replace('_', ' '))} {_text(str(value))}"
        for key, value in document.environment.items()
        if isinstance(value, str | int | float) and key != "memory_bytes"
    ]
    packages = document.environment.get("packages")
    if isinstance(packages, dict):
        facts += [f"{_text(name)} {_text(str(version))}" for name, version in packages.items() if version is not None]
    lines = [", ".join(facts) + "." if facts else "Not recorded."]
    if document.created:
        lines.append(f"Made {_text(document.created)} in {duration(document.duration_seconds)}.")
    lines += [f"Warning: {_text(warning)}." for warning in document.warnings]
    return "## Environment\n\n" + "\n\n".join(lines)


def _reproduce(document: ReportDocument) -> str:
    sums = f"Weights sha256 `{_code(document.model.weights_sha256)}`, pictures `{_code(document.dataset.digest)}`."
    if not document.command:
        return f"## Reproduce\n\n{sums}"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", document.command)), default=0))
    return f"## Reproduce\n\n{fence}sh\n{document.command}\n{fence}\n\n{sums}"


def _text(text: str) -> str:
    """Escape text, so that in it no character is Markdown or HTML and that notifies nobody, on one line."""
    escaped = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")


def _code(text: str | None) -> str:
    return "unknown" if text is None else text.replace("`", "").replace("\n", " ")
