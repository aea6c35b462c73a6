"""Check, read and write report.json, schema 1.

`schema.json` beside this file is generated from `toolkit.document.shape` for readers that are not Python; a test keeps
the two equal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from toolkit.document.shape import ReportDocument
from toolkit.errors import UsageError
from toolkit.run_folder.files import read_json, write_json

SCHEMA_FILE = Path(__file__).with_name("schema.json")
_SHOWN_ERRORS = 5


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of report.json."""
    described = ReportDocument.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **described,
        "title": "segport report, schema 1",
    }


def check(document: Mapping[str, Any], *, origin: str = "report.json") -> ReportDocument:
    """Read plain JSON as a typed report.

    Args:
        document: content of report.json in plain JSON types.
        origin: what to call it in an error.

    Raises:
        UsageError: it is not a report of schema 1; says where and what is wrong.
    """
    version = document.get("schema")
    if version != 1 or isinstance(version, bool):
        raise UsageError(f"{origin} has schema {version!r}, and this segport reads schema 1; make the report again")
    try:
        # Through JSON, so that strict checking takes arrays for tuples yet no "12" for a number.
        text = json.dumps(document, allow_nan=False)
        return ReportDocument.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise UsageError(f"{origin} is not a report of schema 1: {_explained(error)}") from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{origin} cannot be written as JSON: {error}") from error


def load_report(path: Path) -> ReportDocument:
    """Read report.json; raises UsageError if there is none, it is damaged, or not of schema 1."""
    try:
        document = read_json(path)
    except FileNotFoundError:
        raise UsageError(f"there is no {path}; `segport validate {path.parent}` judges the artifacts there") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({error}); run `segport validate {path.parent}` again") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path} holds no report but a JSON {type(document).__name__}; make the report again")
    return check(document, origin=str(path))


def write_report(report: ReportDocument, path: Path) -> None:
    """Write report.json, whole or not at all; raises UsageError if a later reader would refuse it."""
    document = report.to_json()
    check(document)
    write_json(path, document)


def _explained(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False)
    shown = [f"{_path(item['loc'])}: {item['msg']}" for item in found[:_SHOWN_ERRORS]]
    more = len(found) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _path(location: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.lstrip(".") or "the document"
