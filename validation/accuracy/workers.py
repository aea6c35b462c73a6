"""Counting pieces in several processes at once, through joblib: its own processes, or whatever backend
`joblib.parallel_config` names, a Dask cluster for one.

Every worker opens a runner of its own, once, and keeps it until it gets work of another validation. What to do lies in
a file that all of them must see, as they must see the artifact and the pictures: on several machines, on a shared disk.
"""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segdata import Dataset
from validation.accuracy.counting import Piece, Task, counted
from validation.errors import RunnerError, ValidationError
from validation.runners.base.contract import Runner

_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class _Job:
    """All a worker must know, but which pictures."""

    runner: Runner
    dataset: Dataset
    task: Task


class _Kept(threading.local):
    """The job a worker has open; one a thread, for backends whose workers are threads."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.job: _Job | None = None
        self.stack = ExitStack()

    def open(self, path: Path) -> _Job:
        if self.job is None or self.path != path:
            self.close()
            with path.open("rb") as file:
                job: _Job = pickle.load(file)
            self.stack.enter_context(job.runner)
            self.path, self.job = path, job
        return self.job

    def close(self) -> None:
        self.path = self.job = None
        self.stack.close()


_kept = _Kept()


def _end_with(process: int) -> None:
    """Run in each of joblib's own processes as it starts: it ends when the one that started it is gone.

    Left to themselves they wait for more work for minutes after theirs was killed.
    """

    def watch() -> None:
        while os.getppid() == process:
            time.sleep(_LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="validation-watch", daemon=True).start()


def _own_processes() -> dict[str, Any]:
    """What joblib's own processes are started with; nothing for other backends, which have masters of their own."""
    from joblib.parallel import BACKENDS, get_active_backend

    backend, _ = get_active_backend()
    if not isinstance(backend, BACKENDS["loky"]):
        return {}
    return {"initializer": _end_with, "initargs": (os.getpid(),)}


def count_in_workers(
    runner: Runner,
    dataset: Dataset,
    pieces: Mapping[int, Sequence[int]],
    task: Task,
    workers: int,
    shared: Path | None = None,
) -> Iterator[tuple[int, Piece]]:
    """Count pieces (number -> indices) and yield them as they are done, in any order.

    Args:
        runner: bound to its artifact, not open; every worker opens one like it.
        dataset: pictures with masks; must be picklable.
        pieces: what to count.
        task: what to count of each picture.
        workers: how many at once; a cluster may have its own idea.
        shared: a folder that all workers see; the system's temporary one if None.

    Raises:
        ValidationError: the dataset or the network cannot be sent to another process; see `counted` for more.
        RunnerError: the runtime failed, or a worker died.
        DataError: a picture cannot be read.
    """
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    if shared is not None:
        shared.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".segport-work-", dir=shared)).resolve()
    try:
        # One that was never open holds nothing that belongs to this process.
        unopened = type(runner)(runner.artifact, runner.backend, runner.threads)
        path = _written(_Job(unopened, dataset, task), folder / "job.pickle")
        parallel = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1, **_own_processes())
        yield from parallel(delayed(_count_piece)(path, number, tuple(indices)) for number, indices in pieces.items())
    except TerminatedWorkerError as error:
        raise RunnerError(
            f"a worker died while {runner.name} ran {runner.artifact.name}, for lack of memory or in the runtime"
            " itself; give fewer --workers"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def release_workers() -> None:
    """End joblib's own processes, so that they neither hold memory nor disturb a latency; others' workers stay."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)


def _count_piece(path: Path, number: int, indices: tuple[int, ...]) -> tuple[int, Piece]:
    job = _kept.open(path)
    return number, Piece.joined(list(counted(job.runner, job.dataset, indices, job.task)))


def _written(job: _Job, path: Path) -> Path:
    import cloudpickle

    try:
        content = cloudpickle.dumps(job)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise ValidationError(
            f"{_refusing(job)} cannot be sent to another process ({type(error).__name__}: {error}); use --workers 1"
        ) from error
    path.write_bytes(content)
    return path


def _refusing(job: _Job) -> str:
    """Which part of a job that cannot be pickled is at fault."""
    import cloudpickle

    try:
        cloudpickle.dumps(job.dataset)
    except (pickle.PicklingError, TypeError, AttributeError):
        return f"dataset {job.dataset.name!r}"
    return f"the network of {job.runner.artifact.name}"
