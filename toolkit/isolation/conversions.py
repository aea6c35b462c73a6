"""Convert in a process apart: one for all that goes well, a new one after it was lost."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from converters import ConversionError
from converters.contract import Job, Written, unheard
from converters.conversion.perform import convert_here
from toolkit.isolation.limits import Limits
from toolkit.isolation.process import GuardedProcess, LostError
from toolkit.isolation.sending import NotSendableError
from toolkit.isolation.telling import tell


class ConversionProcess:
    """Do `converters.conversion.perform.convert_here` elsewhere; use as a context manager.

    Attributes:
        here: why a source could not be sent, so that its conversions ran in this process; empty if none did.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: GuardedProcess | None = None
        self.here = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.stop()

    def __call__(self, job: Job, log: Path) -> Written:
        """Convert as `convert_here` does; raises ConversionError also if the process dies, hangs or takes too much
        memory."""
        conversion, alone = job.conversion, dataclasses.replace(job, tell=unheard)
        try:
            if self._process is None:
                self._process = GuardedProcess("the converter's process", self._limits)
            return self._process.call(_convert_there, alone, log, heard=job.tell, log=log)
        except NotSendableError as reason:
            self.here = f"{job.source.origin} cannot be sent to another process ({reason})"
            return convert_here(job, log)
        except LostError as lost:
            self._process = None
            _emptied(job.workspace)
            raise ConversionError(
                f"{conversion.name} could not be made through {conversion.route}: {lost}; the whole story is in {log}"
            ) from lost


def _convert_there(job: Job, log: Path) -> Written:
    """Convert at the far end, and tell the near end what is being done."""
    return convert_here(dataclasses.replace(job, tell=tell), log)


def _emptied(workspace: Path) -> None:
    """Remove intermediate files, which may be half-written: the next process makes its own."""
    shutil.rmtree(workspace)
    workspace.mkdir()
