"""Read the imports of our packages from their source: who imports whom, at start-up and inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("toolkit", "validation", "converters", "fpliif", "quantization", "segdata")
HEAVY = {
    "ai_edge_litert",
    "ai_edge_quantizer",
    "cloudpickle",
    "coremltools",
    "jinja2",
    "joblib",
    "litert_torch",
    "matplotlib",
    "numpy",
    "onnx",
    "onnx2torch",
    "onnxruntime",
    "PIL",
    "playwright",
    "pyarrow",
    "pydantic",
    "rich",
    "safetensors",
    "scipy",
    "tensorflow",
    "tf_keras",
    "torch",
    "typer",
}
"""Libraries that cost start-up time: an import inside a function may keep them out."""
BRINGS = {
    "coremltools": {"numpy"},
    "joblib": {"numpy"},
    "matplotlib": {"numpy", "PIL"},
    "onnx": {"numpy"},
    "onnxruntime": {"numpy"},
    "scipy": {"numpy"},
    "tensorflow": {"numpy"},
    "torch": {"numpy"},
}
"""What heavy libraries import themselves."""


@dataclass(frozen=True)
class Module:
    """One of our modules with what it imports.

    Attributes:
        at_start: names of modules imported when it is imported.
        inside: (line, name of module) imported inside its functions.
    """

    name: str
    path: Path
    at_start: frozenset[str] = frozenset()
    inside: tuple[tuple[int, str], ...] = field(default=())

    @property
    def everything(self) -> frozenset[str]:
        return self.at_start | {name for _, name in self.inside}


@cache
def modules() -> dict[str, Module]:
    """Return every module of our packages by dotted name, with its imports; those for type checkers alone are left
    out."""
    paths = {_dotted(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}
    return {name: _read(name, path, frozenset(paths)) for name, path in paths.items()}


@cache
def heavy(name: str) -> frozenset[str]:
    """Return the heavy libraries that importing a module of ours loads."""
    seen: set[str] = set()
    waiting, found = [name], set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if current in modules():
            waiting += [*modules()[current].at_start, *_parents(current)]
        elif (library := current.split(".")[0]) in HEAVY:
            found |= {library, *BRINGS.get(library, set())}
    return frozenset(found)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of names that reach each other (Tarjan's strongly connected components, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph.get(name, ()):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _read(name: str, path: Path, known: frozenset[str]) -> Module:
    at_start: set[str] = set()
    inside: list[tuple[int, str]] = []

    def visit(nodes: list[ast.stmt], in_function: bool) -> None:
        for node in nodes:
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                continue
            if isinstance(node, ast.Import | ast.ImportFrom):
                for target in _targets(node, known):
                    if in_function:
                        inside.append((node.lineno, target))
                    else:
                        at_start.add(target)
            function = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for part in ("body", "orelse", "finalbody"):
                visit(getattr(node, part, []), function)
            for handler in getattr(node, "handlers", []):
                visit(handler.body, function)

    visit(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)).body, False)
    return Module(name, path, frozenset(at_start - {name}), tuple(inside))


def _targets(node: ast.Import | ast.ImportFrom, known: frozenset[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif node.level == 0 and node.module:
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            yield full if full in known else _home(node.module, alias.name)


@cache
def _home(package: str, name: str) -> str:
    """Return the module that a lazily imported public name of a package comes from, by the package's stub."""
    stub = ROOT / Path(*package.split(".")) / "__init__.pyi"
    if stub.exists():
        for node in ast.parse(stub.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
                return f"{package}.{node.module}"
    return package
