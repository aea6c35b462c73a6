"""Several single-graph .tflite files as one: a subgraph and a signature each, equal constants stored once.

    size_64.tflite   subgraph, weights W, biases B64          subgraph 0, subgraph 1
    size_256.tflite  subgraph, weights W, biases B256   ->    W, B64, B256
                                                              signatures size_64 -> 0, size_256 -> 1

Subgraphs are copied as they are, so every signature computes what its own file computes, bit for bit.
Source: the TensorFlow Lite schema (schema.fbs), as generated into `ai_edge_litert.schema_py_generated`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.errors import ConversionError
from converters.formats.tflite.file.flatbuffer import IDENTIFIER
from converters.tools.importing import tool

ALIGNMENT = 16
"""Bytes; the schema's `force_align` of Buffer.data, which the generated Python packer does not keep."""
MIN_RUNTIME = b"min_runtime_version"


def join_signatures(files: Mapping[str, Path], destination: Path) -> None:
    """Write one .tflite with a signature per entry of `files` (signature name -> file), in their order.

    The first becomes the primary subgraph: what a runtime runs that knows nothing of signatures.

    Raises:
        ConversionError: a file has several subgraphs or signatures, or keeps constants outside itself.
        MissingToolError: ai-edge-litert is not installed.
    """
    schema = tool("ai_edge_litert.schema_py_generated", "tflite")
    joined = _Joined(schema)
    for name, path in files.items():
        joined.add(name, path)
    builder = tool("flatbuffers", "tflite").Builder(1 << 20)
    builder.Finish(joined.model().Pack(builder), IDENTIFIER)
    destination.write_bytes(bytes(builder.Output()))


def check_signatures(path: Path, files: Mapping[str, Path]) -> None:
    """Run every signature and its own file on one noise picture; raises ConversionError unless they agree bit for
    bit."""
    interpreters = tool("ai_edge_litert.interpreter", "tflite")
    joined = interpreters.Interpreter(model_path=str(path))
    if set(joined.get_signature_list()) != set(files):
        raise ConversionError(f"the joined file has signatures {sorted(joined.get_signature_list())}")
    for name, single in files.items():
        alone = interpreters.Interpreter(model_path=str(single)).get_signature_runner()
        given = {key: _noise(details) for key, details in alone.get_input_details().items()}
        expected, found = alone(**given), joined.get_signature_runner(name)(**given)
        if found.keys() != expected.keys() or any(not np.array_equal(found[key], expected[key]) for key in expected):
            raise ConversionError(f"signature {name} of the joined file answers otherwise than its own file")


def _noise(details: Mapping[str, Any]) -> NDArray[Any]:
    """Numbers 0..1 of the tensor's shape and type; the two sides only have to be given the same."""
    noise: NDArray[Any] = np.random.default_rng(0).random(details["shape"]).astype(details["dtype"])
    return noise


class _Joined:
    """The file being put together; tables are the schema's own objects."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._version = 0
        self._codes: dict[tuple[Any, ...], int] = {}
        self._code_objects: list[Any] = []
        self._buffers: dict[bytes, int] = {b"": 0}  # the schema keeps buffer 0 empty
        self._quantizations: dict[str, _Once] = {}
        self._metadata: dict[bytes, bytes] = {}
        self._subgraphs: list[Any] = []
        self._signatures: list[Any] = []

    def add(self, name: str, path: Path) -> None:
        """Append the file's subgraph under the signature `name`."""
        content = path.read_bytes()
        model = self._schema.ModelT.InitFromPackedBuf(content, 0)
        if len(model.subgraphs) != 1 or len(model.signatureDefs or ()) != 1 or model.externalBuffers:
            raise ConversionError(f"{path.name} must hold one graph, one signature and its own constants to be joined")
        stored = [_stored(buffer, content) for buffer in model.buffers]
        (graph,), (signature,) = model.subgraphs, model.signatureDefs
        for tensor in graph.tensors:
            tensor.buffer = self._buffer(stored[tensor.buffer])
            tensor.quantization = self._once(tensor.quantization)
        codes = [self._code(code) for code in model.operatorCodes]
        for operator in graph.operators:
            operator.opcodeIndex = codes[operator.opcodeIndex]
        for entry in model.metadata or ():
            self._keep_metadata(entry.name, stored[entry.buffer])
        graph.name = signature.signatureKey = name
        signature.subgraphIndex = len(self._subgraphs)
        self._version = max(self._version, model.version)
        self._subgraphs.append(graph)
        self._signatures.append(signature)

    def model(self) -> Any:
        """The whole file as a schema object, ready to be packed."""
        metadata = [
            self._schema.MetadataT(name=name, buffer=self._buffer(content)) for name, content in self._metadata.items()
        ]
        return self._schema.ModelT(
            version=self._version,
            operatorCodes=self._code_objects,
            subgraphs=self._subgraphs,
            description="segport",
            buffers=[_AlignedBuffer(self._schema, content) for content in self._buffers],
            metadata=metadata,
            signatureDefs=self._signatures,
        )

    def _buffer(self, content: bytes) -> int:
        return self._buffers.setdefault(content, len(self._buffers))

    def _code(self, code: Any) -> int:
        key = (code.builtinCode, code.deprecatedBuiltinCode, code.customCode, code.version)
        if key not in self._codes:
            self._codes[key] = len(self._code_objects)
            self._code_objects.append(code)
        return self._codes[key]

    def _once(self, quantization: Any) -> Any:
        """One object for all equal scales and zero points; per channel they weigh as much as a bias each."""
        if quantization is None or quantization.details is not None:
            return quantization
        parts = {key: np.asarray(value).tolist() for key, value in sorted(vars(quantization).items())}
        return self._quantizations.setdefault(repr(parts), _Once(quantization))

    def _keep_metadata(self, name: bytes, content: bytes) -> None:
        """The first of every name; of the oldest runtime that runs a file, the newest."""
        kept = self._metadata.get(name)
        if kept is None or (name == MIN_RUNTIME and _release(content) > _release(kept)):
            self._metadata[name] = content


class _Once:
    """A schema object that is packed the first time and pointed to from then on."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self._offset: int | None = None

    def Pack(self, builder: Any) -> int:  # noqa: N802 - the name the generated packers call
        if self._offset is None:
            self._offset = int(self._table.Pack(builder))
        return self._offset


class _AlignedBuffer:
    """A constant's bytes at a multiple of `ALIGNMENT` from the start of the file."""

    def __init__(self, schema: Any, content: bytes) -> None:
        self._table = schema.BufferT(data=np.frombuffer(content, dtype=np.uint8) if content else None)
        self._size = len(content)

    def Pack(self, builder: Any) -> int:  # noqa: N802 - the name the generated packers call
        if self._size:
            builder.Prep(ALIGNMENT, self._size)
        return int(self._table.Pack(builder))


def _stored(buffer: Any, content: bytes) -> bytes:
    """A buffer's bytes, whether they lie inside the flatbuffer or behind it."""
    if buffer.data is not None:
        return bytes(np.asarray(buffer.data, dtype=np.uint8))
    return content[buffer.offset : buffer.offset + buffer.size] if buffer.offset > 1 else b""


def _release(content: bytes) -> tuple[int, ...]:
    return tuple(int(part) for part in content.rstrip(b"\0").decode().split(".") if part.isdigit())
