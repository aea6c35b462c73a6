"""How each kind of file enters segport. Runs in the process that is attacked; an answer is (exit class, sentence)."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Answer = tuple[str, str]
"""``"0"`` to ``"4"`` or ``"fault"``, and what was said."""
LONGEST_SENTENCE = 4000


def by_command(*arguments: str) -> Answer:
    """A command line in this process: its status, and its one sentence if it is a refusal."""
    from toolkit.cli import run_command

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run_command(list(arguments))
    return judged(int(status), err.getvalue() if status >= 2 else "", out.getvalue() + err.getvalue())


def by_call(action: Callable[[], Any]) -> Answer:
    """A function behind a command: what the command line would have made of what it raises."""
    from toolkit.errors import exit_status

    try:
        action()
    except Exception as error:  # noqa: BLE001 (whatever it is, the command line would have to answer it)
        status = exit_status(error)
        if status is None:
            return "fault", f"{type(error).__name__}: {str(error)[:300]}"
        return judged(int(status), f"segport: {error}", "")
    return "0", ""


def judged(status: int, refusal: str, everything: str) -> Answer:
    """A fault unless a refusal is one sentence and nothing is a traceback."""
    if "Traceback" in everything or "segport itself failed" in everything + refusal:
        return "fault", (refusal or everything)[-400:]
    if status not in (0, 1, 2, 3, 4):
        return "fault", f"exit status {status}: {refusal[:300]}"
    sentences = [line for line in refusal.splitlines() if line.startswith("segport: ")]
    if status in (2, 3) and (len(sentences) != 1 or len(refusal) > LONGEST_SENTENCE or len(sentences[0]) < 20):
        return "fault", f"not one sentence but {refusal[:300]!r}"
    return str(status), refusal.strip()


def artifact(path: str, described: str, runner: str, limits: tuple[float, float]) -> Answer:
    """Inspect a file; run it as `validate` would, in the runtime's own process, when a runner is named."""
    answer = by_command("inspect", path)
    if answer[0] == "fault":
        return answer
    linted = by_command("inspect", path, "--lint")
    if linted[0] == "fault" or not runner:
        return linted if linted[0] == "fault" else answer
    return by_call(lambda: _run_once(Path(path), json.loads(described), runner, limits))


def _run_once(path: Path, described: dict[str, Any], runner: str, limits: tuple[float, float]) -> None:
    import numpy as np

    from converters import Artifact
    from toolkit.isolation.limits import Limits
    from toolkit.isolation.runtimes import isolated
    from validation.runners import runners

    opened = dataclasses.replace(Artifact.from_json(described, path.parent), path=path)
    picture = np.zeros((opened.image.height, opened.image.width, 3), np.uint8)
    with isolated(runners()[runner], Limits.of(*limits))(opened) as bound:
        bound.predict(picture)


def onnx_model(path: str, out: str) -> Answer:
    """Inspect it; then take it as a model, and make an artifact of it if `out` is given."""
    answer = by_command("inspect", path)
    if answer[0] == "fault":
        return answer
    if out:
        return by_command("convert", "--model", path, "--formats", "onnx", "--out", out, "--quiet")
    return by_call(lambda: _loaded(model=path))


def checkpoint(path: str, weights_of: str) -> Answer:
    """A checkpoint, or the weights of a factory."""
    if weights_of:
        return by_call(lambda: _loaded(model=weights_of, weights=path, input_size=64, upsample="bilinear"))
    return by_call(lambda: _loaded(model=path, input_size=64))


def _loaded(**given: Any) -> Any:
    from toolkit.models import load_source
    from toolkit.options import make_options

    return load_source(make_options(given))


def dataset(folder: str) -> Answer:
    """Open it and read every sample."""

    def read() -> None:
        from segdata import open_dataset

        for split in ("train", "test"):
            opened = open_dataset(f"folder:{folder}", split)
            for index in range(len(opened)):
                opened[index]

    return by_call(read)


def toml(path: str, kind: str) -> Answer:
    """Options, a policy, or how to train."""

    def read() -> None:
        if kind == "options":
            from toolkit.options import make_options

            make_options({}, Path(path))
        elif kind == "policy":
            from quantization.policy import read_policy

            read_policy(Path(path))
        else:
            from fpliif.training.config import TrainConfig

            TrainConfig.from_toml(Path(path))

    return by_call(read)


def run_folder(folder: str, command: str) -> Answer:
    """A run folder whose manifest or report is damaged."""
    return by_command(command, folder, *(["--quiet", "--no-isolate"] if command == "validate" else []))


def compared(before: str, after: str) -> Answer:
    """Two run folders."""
    return by_command("compare", before, after)


def ready() -> None:
    """Import what most entries need, so that the first attempt does not pay for it."""
    for name in ("onnx", "torch", "coremltools", "toolkit.cli.app", "toolkit.pipeline"):
        with _silently():
            __import__(name)
    import torch

    torch.set_num_threads(1)


@contextlib.contextmanager
def _silently() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
