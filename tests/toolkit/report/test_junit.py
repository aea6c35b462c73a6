"""report.junit.xml: a suite per artifact, a case per reason, counts that add up, and text that any parser takes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.toolkit.report.sample import not_run_sample, sample
from toolkit.document.schema import check
from toolkit.errors import UsageError
from toolkit.report import write_all
from toolkit.report.junit import render


def parsed(document: dict[str, Any]) -> ET.Element:
    return ET.fromstring(render(check(document)))


def verdict(*reasons: tuple[str, str, str]) -> dict[str, Any]:
    status = "fail" if "fail" in {reason[1] for reason in reasons} else "pass"
    return {
        "status": status,
        "reasons": [sentence for _, _, sentence in reasons],
        "details": [{"about": about, "outcome": outcome} for about, outcome, _ in reasons],
    }


def test_a_case_for_every_reason_with_its_outcome() -> None:
    document = sample() | {"checks": []}
    document["artifacts"] = document["artifacts"][:1]
    document["artifacts"][0]["verdict"] = verdict(
        ("IoU of hat in litert (xnnpack)", "fail", "hat lost 3.00 points, limit 1.00 points"),
        ("mean IoU in litert (reference)", "pass", "fine"),
        ("coreml (all)", "not_run", "needs a Mac"),
    )
    root = parsed(document)
    assert (root.tag, root.attrib["tests"], root.attrib["failures"], root.attrib["skipped"]) == (
        "testsuites",
        "3",
        "1",
        "1",
    )
    (suite,) = root
    assert suite.attrib["name"] == "tflite-float32"
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"], suite.attrib["skipped"]) == (
        "3",
        "1",
        "0",
        "1",
    )
    failed, passed, skipped = suite
    assert failed.attrib == {"classname": "segport.tflite-float32", "name": "IoU of hat in litert (xnnpack)"}
    assert [child.tag for child in failed] == ["failure"]
    assert failed[0].attrib["message"] == "hat lost 3.00 points, limit 1.00 points"
    assert [child.tag for child in passed] == ["system-out"]
    assert skipped[0].attrib == {"message": "needs a Mac"}


@pytest.mark.parametrize(
    "document", [sample() | {"checks": []}, not_run_sample() | {"checks": []}], ids=["measured", "not run"]
)
def test_reports_without_details_go_by_the_verdict(document: dict[str, Any]) -> None:
    root = parsed(document)
    assert [suite.attrib["name"] for suite in root] == [artifact["name"] for artifact in document["artifacts"]]
    for suite, artifact in zip(root, document["artifacts"], strict=True):
        tag = {"pass": "system-out", "fail": "failure", "not_run": "skipped"}[artifact["verdict"]["status"]]
        assert {child.tag for case in suite for child in case} == {tag}
    assert int(root.attrib["tests"]) == sum(len(artifact["verdict"]["reasons"]) for artifact in document["artifacts"])


def test_markup_and_control_characters_survive_as_text() -> None:
    document = sample() | {"checks": []}
    document["artifacts"][0]["verdict"] = verdict(('<a> & "b"', "fail", "bell \x07 and ]]> and \ud800"[:-1] + "ä"))
    case = parsed(document)[0][0]
    assert case.attrib["name"] == '<a> & "b"'
    assert case[0].attrib["message"] == "bell � and ]]> and ä"


def test_is_written_beside_the_other_reports(tmp_path: Path) -> None:
    write_all(sample(), tmp_path)
    assert ET.parse(tmp_path / "report.junit.xml").getroot().tag == "testsuites"


def test_details_must_match_the_reasons() -> None:
    document = sample() | {"checks": []}
    document["artifacts"][0]["verdict"]["details"] = [{"about": "x", "outcome": "pass"}] * 2
    with pytest.raises(UsageError, match="one for each or none"):
        check(document)
