"""Make one artifact by the first of several routes that can; the artifact says which, and why not an earlier one."""

from __future__ import annotations

import dataclasses
import shutil
import traceback
from pathlib import Path

from converters.contract import Converter, Job, Written
from converters.errors import ConversionError, MissingToolError, SourceError, in_one_line

INSTEAD_OF = "instead of"
"""Provenance of a file that another route than the first made: which failed, and how."""


def convert_by_routes(target: Converter, job: Job) -> Written:
    """Write the artifact by the plan's route or, where that fails, by the plan's others; raises as
    `Converter.convert`."""
    if not job.conversion.others:
        return target.convert(job)
    failures: dict[str, str] = {}
    routes = (job.conversion.route, *job.conversion.others)
    for route in routes:
        chosen = dataclasses.replace(job.conversion, route=route, others=())
        try:
            written = target.convert(dataclasses.replace(job, conversion=chosen))
        except (SourceError, MissingToolError) as error:
            if not failures:  # to be mended by the user, whom another route would only keep from it
                raise
            failures[route] = str(error)
        except Exception as error:  # noqa: BLE001 - tools raise anything, and the next route may do better
            if route != routes[-1]:  # the last one's story is told by the caller
                traceback.print_exc()
            failures[route] = str(error) if isinstance(error, ConversionError) else in_one_line(error)
            _remove(job.destination)
        else:
            instead = {INSTEAD_OF: _listed(failures)} if failures else {}
            return dataclasses.replace(written, provenance=written.provenance | instead)
    (_, first), *rest = failures.items()
    rest = [
        (route, said) for route, said in rest if said != first
    ]  # what is wrong with the network itself is told once
    raise ConversionError("; nor through ".join([first, *(f"{route}: {said}" for route, said in rest)]))


def _listed(failures: dict[str, str]) -> str:
    return "; ".join(f"{route} ({said})" for route, said in failures.items())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
