"""The float reference: the torch module an artifact was made from, run as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from converters import Artifact, ImageInput, MapOutput
from validation.errors import RunnerError, ValidationError
from validation.results.facts import Availability, OperationTime
from validation.runners.base.contract import Runner
from validation.runners.base.native_output import captured_stderr
from validation.runners.base.torch_threads import TorchThreads
from validation.runners.base.values import native_input

if TYPE_CHECKING:
    import torch

TORCH = "torch"


@dataclass(frozen=True)
class TorchArtifact(Artifact):
    """A module in memory in the place of a file: what every artifact is compared with.

    Attributes:
        module: eval-mode torch module, float32 image tensor as `image` describes -> what `output` describes.
    """

    module: torch.nn.Module | None = field(default=None, repr=False, compare=False)


def torch_artifact(
    module: torch.nn.Module,
    *,
    name: str,
    image: ImageInput,
    output: MapOutput,
    classes: tuple[str, ...],
    weights_sha256: str = "",
) -> TorchArtifact:
    """Wrap a module so that `TorchRunner` takes it; nothing is written to disk."""
    return TorchArtifact(
        name=name,
        format=TORCH,
        recipe="float32",
        path=Path(),
        sha256=weights_sha256,
        size_bytes=0,
        key=weights_sha256,
        image=image,
        output=output,
        classes=classes,
        module=module,
    )


class TorchRunner(Runner):
    """Runs a torch module in float32. Backend: ``cpu``."""

    name: ClassVar[str] = TORCH
    formats: ClassVar[tuple[str, ...]] = (TORCH,)
    backends: ClassVar[tuple[str, ...]] = ("cpu",)

    def __init__(self, artifact: Artifact, backend: str | None = None, threads: int = 1) -> None:
        """Bind to what `torch_artifact` made; raises ValidationError for any other artifact."""
        super().__init__(artifact, backend, threads)
        if not isinstance(artifact, TorchArtifact) or artifact.module is None:
            raise ValidationError("the torch reference runs modules in memory; make its artifact with torch_artifact()")
        self._module = artifact.module

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """Answer that torch is there: segport depends on it."""
        return Availability(True)

    @classmethod
    def memory_reason(cls, backend: str) -> str:
        """Say why memory is not reported: a module in memory cannot be opened in a process of its own."""
        return "the reference is a module in memory; it is not loaded from a file"

    @classmethod
    def operations_reason(cls, backend: str) -> str:
        """Give no reason: torch.profiler records every operator."""
        return ""

    @classmethod
    def preload(cls) -> None:
        """Import torch."""
        import torch  # noqa: F401

    def _open(self) -> None:
        if self._module.training:
            raise RunnerError(f"{self.artifact.name} is in training mode; call eval() on the module first")
        self._torch_threads = TorchThreads(self.threads)
        self._torch_threads.__enter__()

    def _feed(self, image: NDArray[np.uint8]) -> None:
        import torch

        self._given = torch.from_numpy(native_input(image, self.artifact.image))

    def _invoke(self) -> None:
        import torch

        with self._translated(RuntimeError, ValueError, TypeError), torch.inference_mode():
            self._answer = self._module(self._given)

    def _operation_times(self, runs: int) -> Iterator[OperationTime]:
        """Return the operators' own times, those they call taken out; torch knows kinds of operators, not layers."""
        import torch

        self._invoke()
        only_cpu = [torch.profiler.ProfilerActivity.CPU]
        with captured_stderr(), torch.profiler.profile(activities=only_cpu) as profile:
            for _ in range(runs):
                self._invoke()
        for event in profile.events() or ():
            spent = round(event.self_cpu_time_total * 1000)
            if spent > 0 and event.name.startswith("aten::"):
                yield OperationTime(event.name, event.name, spent)

    def _fetch(self) -> NDArray[Any]:
        answer: NDArray[Any] = self._answer.detach().numpy()
        return answer

    def _close(self) -> None:
        if hasattr(self, "_torch_threads"):
            self._torch_threads.__exit__(None, None, None)
            del self._torch_threads


RUNNER = TorchRunner
