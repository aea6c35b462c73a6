"""What commands rely on in manifest.json; all else in it is for people."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

LONGEST = 200
"""Characters of what is wrong that a sentence quotes: a damaged file may hold anything."""
_Side = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())


class _Model(_Part):
    name: str
    origin: str
    parameters: int
    weights_sha256: str
    input_size: Annotated[list[_Side], Field(min_length=2, max_length=2)]
    output_size: Annotated[list[_Side], Field(min_length=2, max_length=2)]
    pixel_range: str
    classes: list[str]
    colours: list[list[int]]


class _Named(_Part):
    name: str


class _Manifest(_Part):
    options: dict[str, Any]
    model: _Model
    artifacts: list[_Named]
    failed: dict[str, str]
    kept: list[_Named] = []
    calibration: dict[str, Any] | None


def what_is_wrong(document: Any) -> str:
    """Empty for a manifest that commands can work with, else the place and what is wrong there, at most LONGEST
    characters."""
    try:
        _Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"[:LONGEST]
    return ""
