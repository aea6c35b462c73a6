"""Latency of several runners sampled in turns, so that drift of the machine hits them alike.

One turn is one inference that is not timed, then a few that are: the runner before has left its weights in the caches
and threads that still wait for work, and an app that runs one network back to back sees neither. Rounds go forwards and
backwards in turn (A B C, C B A, ...), so that nobody always comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
import psutil
from numpy.typing import NDArray

from validation.errors import RunnerError
from validation.results.latency import LatencyResult
from validation.runners.base.contract import Runner
from validation.runners.base.latency_settings import LatencySettings
from validation.timing.busy import OtherLoad
from validation.timing.stopwatch import Stopwatch

MOST_OPEN = 16
"""Runners open at once."""
_BLOCK = 5
_LEAST_ROUNDS = 8
_BYTES_PER_FILE_BYTE = 4

Progress = Callable[[int, int], None]
"""Called with (samples done, samples in all); a runner that stops early counts as all of its samples."""


@dataclass(frozen=True)
class Entrant:
    """A runner that wants to be timed.

    Attributes:
        runner: not open.
        picture: uint8 RGB of its input size.
        held_bytes: memory it holds while open; guessed from its file if None.
    """

    runner: Runner
    picture: NDArray[np.uint8]
    held_bytes: int | None = None

    @property
    def bytes(self) -> int:
        """What to reckon with while it is open."""
        return self.runner.artifact.size_bytes * _BYTES_PER_FILE_BYTE if self.held_bytes is None else self.held_bytes


@dataclass(frozen=True)
class Timed:
    """What became of an entrant: its latency, or why there is none."""

    latency: LatencyResult | None
    reason: str = ""


def time_in_turns(
    teams: Sequence[Sequence[Entrant]],
    settings: LatencySettings,
    progress: Progress = lambda done, total: None,
    *,
    most_open: int = MOST_OPEN,
    most_bytes: int | None = None,
) -> list[list[Timed]]:
    """Time every entrant of every team; a runner that fails is out, and the others go on.

    Args:
        teams: entrants that must be compared with each other (one artifact with several thread counts, say) are a team,
            which is never divided.
        settings: bounds for each entrant.
        progress: called after every round.
        most_open: runners open at once, unless one team alone has more.
        most_bytes: memory that open runners may hold together; half of what is free if None.

    Returns:
        One answer an entrant, in the order of `teams`. Each names its group and how many were sampled with it.

    Raises:
        ValidationError: a picture has the wrong size.
    """
    budget = psutil.virtual_memory().available // 2 if most_bytes is None else most_bytes
    groups = grouped([[entrant.bytes for entrant in team] for team in teams], most_open, budget)
    total, done = sum(map(len, teams)) * settings.samples, 0
    answers: list[list[Timed]] = []
    for number, group in enumerate(groups, start=1):
        entrants = [entrant for team in group for entrant in teams[team]]
        timed = _time_group(entrants, settings, lambda finished, so_far=done: progress(so_far + finished, total))  # type: ignore[misc]
        done += len(entrants) * settings.samples
        placed = iter([_in_group(item, number, len(groups)) for item in timed])
        answers += [[next(placed) for _ in teams[team]] for team in group]
    return answers


def grouped(teams: Sequence[Sequence[int]], most_open: int, most_bytes: int) -> list[list[int]]:
    """Numbers of teams that may be open together, given the bytes of their entrants; order is kept."""
    groups: list[list[int]] = []
    count = held = 0
    for number, team in enumerate(teams):
        if not groups or count + len(team) > most_open or held + sum(team) > most_bytes:
            groups.append([])
            count = held = 0
        groups[-1].append(number)
        count, held = count + len(team), held + sum(team)
    return groups


def _in_group(timed: Timed, group: int, groups: int) -> Timed:
    if timed.latency is None:
        return timed
    return replace(timed, latency=replace(timed.latency, group=group, groups=groups))


def _time_group(entrants: Sequence[Entrant], settings: LatencySettings, tell: Callable[[int], None]) -> list[Timed]:
    answers: dict[int, Timed] = {}
    watches: dict[int, Stopwatch] = {}

    def attempt(number: int, action: Callable[[Stopwatch], None]) -> None:
        try:
            action(watches[number])
        except RunnerError as error:
            answers[number] = Timed(None, str(error))
            del watches[number]

    with ExitStack() as stack:
        for number, entrant in enumerate(entrants):
            watches[number] = Stopwatch(entrant.runner, entrant.picture, settings)
            attempt(number, lambda watch: _open_and_warm(stack, watch))
        load = OtherLoad(tuple(pid for watch in watches.values() for pid in watch.process_ids))
        waiting = list(watches)
        while waiting:
            for number in waiting:
                attempt(number, lambda watch: _turn(watch, settings))
            waiting = [number for number in reversed(waiting) if number in watches and watches[number].wants_more()]
            finished = settings.samples * (len(entrants) - len(waiting))
            tell(finished + sum(len(watches[number].samples_ms) for number in waiting))
        cores = load.cores()
        for number, watch in watches.items():
            answers[number] = Timed(replace(watch.result(cores), in_turns=len(watches)))
    return [answers[number] for number in range(len(entrants))]


def _open_and_warm(stack: ExitStack, watch: Stopwatch) -> None:
    stack.enter_context(watch)
    watch.warm_up()


def _turn(watch: Stopwatch, settings: LatencySettings) -> None:
    watch.turn(max(1, min(_BLOCK, settings.samples // _LEAST_ROUNDS)))
