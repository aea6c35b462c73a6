"""Add TorchScript as a target format, and the runtime that executes it: libtorch on a phone takes such files."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from converters import Artifact, ImageInput, Layout, MapOutput, ModelSource, SourceError
from converters.contract import Converter, Job, Written
from validation.results.facts import Availability
from validation.runners.base.contract import Runner
from validation.runners.base.values import native_input


class TorchScriptConverter(Converter):
    """Trace the network: float32 (1, 3, H, W) -> logits (1, C, h, w), or labels int32 (1, h, w)."""

    format = "torchscript"
    suffix = ".pt"
    routes = ("trace",)

    def tools(self, route: str) -> tuple[str, ...]:
        return ("torch",)

    def default_route(self, source: ModelSource) -> str:
        return "trace"

    def check(self, source: ModelSource, route: str) -> None:
        if source.module is None:
            raise SourceError(f"TorchScript is made from a torch network, but {source.name!r} is an ONNX file")

    def convert(self, job: Job) -> Written:
        import torch

        from converters.torch_sources.heads import channels_first, example_image, torch_module

        source, kind = job.source, job.output
        network = channels_first(torch_module(source, "TorchScript"), kind)
        with torch.no_grad():
            traced = torch.jit.freeze(torch.jit.trace(network, example_image(source)).eval())
        traced.save(str(job.destination))
        height, width = source.input_size
        operators = sorted({node.kind() for node in traced.graph.nodes() if node.kind().startswith("aten::")})
        return Written(
            image=ImageInput("image", height, width, source.pixel_range, Layout.NCHW),
            output=MapOutput(
                kind.value,
                *source.output_size,
                len(source.classes),
                kind,
                Layout.NCHW,
                dtype="float32" if kind.value == "logits" else "int32",
            ),
            provenance={"route": job.conversion.route, "operators": ", ".join(operators)},
        )


class TorchScriptRunner(Runner):
    """Execute TorchScript archives on the CPU."""

    name: ClassVar[str] = "torchscript"
    formats: ClassVar[tuple[str, ...]] = ("torchscript",)
    backends: ClassVar[tuple[str, ...]] = ("cpu",)

    def __init__(self, artifact: Artifact, backend: str | None = None, threads: int = 1) -> None:
        super().__init__(artifact, backend, threads)
        self._network: Any = None

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """Report that nothing is missing: torch comes with segport."""
        return Availability(True)

    def _open(self) -> None:
        import torch

        with self._translated(RuntimeError, ValueError):
            self._network = torch.jit.load(str(self.artifact.path))

    def _feed(self, image: NDArray[np.uint8]) -> None:
        import torch

        self._given = torch.from_numpy(native_input(image, self.artifact.image))

    def _invoke(self) -> None:
        import torch

        with self._translated(RuntimeError), torch.inference_mode():
            self._answer = self._network(self._given)

    def _fetch(self) -> NDArray[Any]:
        answer: NDArray[Any] = self._answer.numpy()
        return answer

    def _close(self) -> None:
        self._network = None


CONVERTER = TorchScriptConverter()
