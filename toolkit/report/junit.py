"""Write verdicts as JUnit XML, which CI systems show as tests: a suite per artifact, a case per reason of its verdict.

The dialect is the one that Jenkins, GitLab and GitHub actions read: testsuites > testsuite > testcase with `failure` or
`skipped` inside. What was not judged is skipped, never passed.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from toolkit.document.shape import ArtifactEntry, ReportDocument

_NO_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
"""Characters that XML 1.0 cannot hold, even escaped."""


def render(document: ReportDocument) -> str:
    """Write the whole file."""
    root = ET.Element("testsuites", name=f"segport {_clean(document.model.name)}")
    for artifact in document.artifacts:
        root.append(_suite(artifact, document))
    if document.checks:
        root.append(_check_suite(document))
    for key in ("tests", "failures", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(artifact: ArtifactEntry, document: ReportDocument) -> ET.Element:
    suite = ET.Element("testsuite", name=_clean(artifact.name))
    if document.created is not None:
        suite.set("timestamp", _clean(document.created))
    cases = [_case(artifact, *reason) for reason in _reasons(artifact)]
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("errors", "0")
    suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    suite.extend(cases)
    return suite


def _check_suite(document: ReportDocument) -> ET.Element:
    """Make a suite of the checks of the run and of all artifacts; a warning is a case that passes and says so."""
    cases = [
        _named_case(f"checks.{_clean(item.artifact or 'run')}", item.name, item.status, item.message)
        for item in document.checks
    ]
    suite = ET.Element("testsuite", name="checks")
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("errors", "0")
    suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    suite.extend(cases)
    return suite


def _case(artifact: ArtifactEntry, about: str, outcome: str, sentence: str) -> ET.Element:
    return _named_case(_clean(artifact.name), about, outcome, sentence)


def _named_case(where: str, about: str, outcome: str, sentence: str) -> ET.Element:
    case = ET.Element("testcase", classname=f"segport.{where}", name=_clean(about))
    said = _clean(sentence)
    if outcome == "fail":
        ET.SubElement(case, "failure", message=said, type="gate").text = said
    elif outcome == "not_run":
        ET.SubElement(case, "skipped", message=said)
    else:
        ET.SubElement(case, "system-out").text = said
    return case


def _reasons(artifact: ArtifactEntry) -> Iterator[tuple[str, str, str]]:
    """Give (about, outcome, sentence) of each reason; a verdict that gives none is one case in its own words."""
    verdict = artifact.verdict
    if not verdict.reasons:
        yield "verdict", verdict.status, f"{artifact.name}: {verdict.status}"
    for number, sentence in enumerate(verdict.reasons, start=1):
        if verdict.details:
            detail = verdict.details[number - 1]
            yield detail.about, detail.outcome, sentence
        else:
            yield f"reason {number}", verdict.status, sentence


def _clean(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
