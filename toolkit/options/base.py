"""Check options: unknown names and values that do not fit become one sentence."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from toolkit.errors import UsageError


class Options(BaseModel):
    """Hold checked, frozen options.

    The text below a field explains it: its first paragraph is what `--help` says, all of it is what the documentation
    says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, defer_build=True)

    if not TYPE_CHECKING:  # the fields' own types are better for checkers

        def __init__(self, **values: Any) -> None:
            """Check the values; raises UsageError with one sentence that names the first thing that is wrong."""
            try:
                super().__init__(**values)
            except ValidationError as error:
                said = error.errors()[0].get("ctx", {}).get("error")
                # A check of ours that raises UsageError has written the whole sentence.
                raise (said if isinstance(said, UsageError) else UsageError(_sentence(type(self), error))) from error

    def given(self, *names: str) -> list[str]:
        """Return those of `names` that differ from their default."""
        return [name for name in names if getattr(self, name) != type(self).model_fields[name].get_default()]


def _sentence(kind: type[Options], error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"][:1]).replace("_", "-")
    if first["type"] == "extra_forbidden":
        known = [name.replace("_", "-") for name in kind.model_fields]
        close = difflib.get_close_matches(key, known, n=1)
        advice = f"did you mean {close[0]!r}?" if close else f"known keys are: {', '.join(known)}"
        return f"unknown option {key!r}; {advice}"
    return f"option {key!r} is {first['input']!r}: {first['msg'].removeprefix('Value error, ')}"
