"""Random damage to small packages: milrun must answer or refuse in one sentence, whatever the bytes are.

    python -m tests.validation.milrun.fuzz --count 2000

Four of five attempts flip bits of one byte, the rest cut a file short; most hit the program, where it can hurt, some
the manifest and the weights. Attempts run one after the other in a process of their own, which may use a limited time
and memory for each. An attempt that ends the process or does not come back is a fault, and the next one starts a new
process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

SPECIFICATION = "Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"
SHARES = {"Manifest.json": 0.05, SPECIFICATION: 0.8, WEIGHTS: 0.15}
LIMIT_SECONDS = 20.0
MORE_BYTES = 2 << 30
"""What an attempt may take on top of what the process holds before it."""
TRUNCATED_SHARE = 0.2
LONGEST_SENTENCE = 600


@dataclass(frozen=True)
class Damage:
    """One change of one file: cut short at `offset`, or the byte there combined with `mask`."""

    part: str
    offset: int
    mask: int
    cut: bool

    def of(self, whole: bytes) -> bytes:
        """The damaged content."""
        if self.cut:
            return whole[: self.offset]
        return whole[: self.offset] + bytes([whole[self.offset] ^ self.mask]) + whole[self.offset + 1 :]

    def __str__(self) -> str:
        return f"{self.part}, {'cut' if self.cut else f'mask {self.mask}'} at {self.offset}"


@dataclass
class Outcome:
    """What became of the attempts.

    Attributes:
        predicted: damage without consequence for the file's validity.
        refused: MilRunErrors by class.
        faults: anything else, with the damage that caused it; must stay empty.
        slowest: seconds of the slowest attempt, starting a process left out.
    """

    predicted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def attempts(self) -> int:
        """All of them."""
        return self.predicted + self.refused.total() + len(self.faults)


def packages(folder: Path) -> dict[str, dict[str, tuple[int, ...]]]:
    """Small packages by path, each with the shapes of its inputs: floats, 8-bit weights, a palette, two functions,
    control flow."""
    import coremltools as ct
    from coremltools.converters.mil.mil import Builder as mb  # noqa: N813
    from coremltools.optimize import coreml as cto

    from tests.validation.milrun.building import PixelNet, convert, program, seeded

    shape = (1, 3, 16, 16)
    made: dict[str, dict[str, tuple[int, ...]]] = {}

    def keep(name: str, model: Any) -> None:
        model.save(str(folder / f"{name}.mlpackage"))
        made[name] = {"x": shape}

    half = convert(seeded(PixelNet, 4, 16), shape, compute_precision=ct.precision.FLOAT16)
    keep("float16", half)
    bytes_ = cto.OptimizationConfig(cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=64))
    keep("int8_weights", cto.linear_quantize_weights(half, bytes_))
    table = cto.OptimizationConfig(cto.OpPalettizerConfig(mode="uniform", nbits=4, weight_threshold=64))
    keep("palette", cto.palettize_weights(half, table))

    both = ct.utils.MultiFunctionDescriptor()
    for function in ("float16", "int8_weights"):
        both.add_function(str(folder / f"{function}.mlpackage"), "main", function)
    both.default_function_name = "float16"
    ct.utils.save_multifunction(both, str(folder / "two_functions.mlpackage"))
    made["two_functions"] = {"x": shape}

    def looping(x: Any) -> Any:
        def body(count: Any, total: Any) -> Any:
            return mb.add(x=count, y=np.float32(1)), mb.add(x=total, y=mb.mul(x=x, y=count))

        zeros = mb.mul(x=x, y=np.float32(0))
        _, total = mb.while_loop(
            _cond=lambda count, total: mb.less(x=count, y=np.float32(4)), _body=body, loop_vars=(np.float32(0), zeros)
        )
        return mb.cond(
            pred=mb.greater(x=mb.reduce_sum(x=x, axes=[0, 1], keep_dims=False), y=np.float32(0)),
            _true_fn=lambda: mb.relu(x=total),
            _false_fn=lambda: mb.tanh(x=total),
        )

    program(looping, {"x": (2, 3)}, folder, name="control_flow")
    made["control_flow"] = {"x": (2, 3)}
    return made


def damages(package: Path, count: int, generator: np.random.Generator) -> Iterator[Damage]:
    """Random damage, most of it to the program."""
    parts = [part for part in SHARES if (package / part).exists()]
    shares = np.array([SHARES[part] for part in parts]) / sum(SHARES[part] for part in parts)
    for _ in range(count):
        part = str(generator.choice(parts, p=shares))
        offset = int(generator.integers((package / part).stat().st_size))
        yield Damage(part, offset, int(generator.integers(1, 256)), bool(generator.random() < TRUNCATED_SHARE))


def attack(folder: Path, made: dict[str, dict[str, tuple[int, ...]]], count: int, seed: int = 20) -> Outcome:
    """Damage copies of the packages `count` times in all, one damage at a time, and predict."""
    generator, outcome = np.random.default_rng(seed), Outcome()
    worker = Worker()
    try:
        for number, (name, shapes) in enumerate(made.items()):
            whole = folder / f"{name}.mlpackage"
            copy = folder / f"damaged-{name}.mlpackage"
            shutil.copytree(whole, copy, dirs_exist_ok=True)
            share = count // len(made) + (number < count % len(made))
            for damage in damages(whole, share, generator):
                content = (whole / damage.part).read_bytes()
                (copy / damage.part).write_bytes(damage.of(content))
                _judge(worker.attempt(copy, shapes), f"{name}: {damage}", outcome)
                (copy / damage.part).write_bytes(content)
    finally:
        worker.stop()
    return outcome


def _judge(answer: tuple[str, str, float], damage: str, outcome: Outcome) -> None:
    kind, text, seconds = answer
    outcome.slowest = max(outcome.slowest, seconds)
    if kind == "predicted":
        outcome.predicted += 1
    elif kind == "refused" and 10 < len(text) < LONGEST_SENTENCE and "\n" not in text:
        outcome.refused[text.partition(":")[0]] += 1
    else:
        outcome.faults.append(f"{damage}: {kind}: {text}")


class Worker:
    """A process that opens and runs packages, replaced when it dies or does not answer in time."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._start()

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        if not self._pipe.poll(120) or self._pipe.recv() != "ready":
            raise RuntimeError("the process that runs packages did not start")

    @property
    def process_id(self) -> int:
        """Of the process that is running now."""
        assert self._process.pid is not None
        return self._process.pid

    def attempt(self, package: Path, shapes: dict[str, tuple[int, ...]]) -> tuple[str, str, float]:
        """What became of one package: predicted, refused, exception, died or hung; in words; seconds."""
        began = time.monotonic()
        try:
            self._pipe.send((str(package), shapes))
            if self._pipe.poll(LIMIT_SECONDS):
                kind, text = self._pipe.recv()
                return kind, text, time.monotonic() - began
            found = ("hung", f"no answer in {LIMIT_SECONDS:g} s", time.monotonic() - began)
        except (EOFError, OSError):
            self._process.join()
            found = ("died", f"exit status {self._process.exitcode}", time.monotonic() - began)
        self.stop()
        self._start()
        return found

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection) -> None:
    from validation.milrun import Interpreter, MilRunError

    Interpreter  # noqa: B018 (imports torch before the memory is counted)
    import torch

    torch.set_num_threads(1)
    held = (
        int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 0
    )
    if held:
        resource.setrlimit(resource.RLIMIT_AS, (held + MORE_BYTES, held + MORE_BYTES))
    pipe.send("ready")
    while True:
        package, shapes = pipe.recv()
        try:
            given = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
            opened = Interpreter(package)
            opened.predict(given)
            for other in set(opened.functions) - {opened.function}:
                Interpreter(package, other).predict(given)
            answer = ("predicted", "")
        except MilRunError as error:
            answer = ("refused", f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 (whatever it is, it is the fault that is looked for)
            answer = ("exception", f"{type(error).__name__}: {error}")
        pipe.send(answer)


def main() -> int:
    """Attack all packages and print the figures; 1 if there was any fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.validation.milrun.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="attempts")
    parser.add_argument("--seed", type=int, default=20, help="which damage")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outcome = attack(folder, packages(folder), options.count, options.seed)
    refused = ", ".join(f"{name} {count}" for name, count in sorted(outcome.refused.items()))
    print(f"{outcome.attempts} attempts: {outcome.predicted} predicted, refused: {refused or 'none'}")
    print(f"faults: {len(outcome.faults)}; slowest attempt {outcome.slowest:.2f} s")
    for fault in outcome.faults:
        print(f"FAULT {fault}")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
