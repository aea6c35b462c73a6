"""The direction of imports is the architecture; this test is what keeps it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.layering.imports import circles, heavy, modules

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    "toolkit": {"validation", "converters", "fpliif", "quantization", "segdata"},
    "validation": {"converters", "segdata"},
    "converters": {"quantization"},
    "fpliif": {"segdata"},
    "quantization": set(),
    "segdata": set(),
}
# What validation may know of conversion: the types that describe a finished artifact, and what is not installed.
ARTIFACT_TYPES = {"converters.artifact", "converters.errors", "converters"}


def imported_modules(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_package_imports_only_what_stands_to_its_right(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    forbidden = set(ALLOWED) - ALLOWED[package] - {package}
    wrong = {
        (str(file.relative_to(ROOT)), module)
        for file in files
        for module in imported_modules(file)
        if module.split(".")[0] in forbidden or module.split(".")[0] == "tests"
    }
    assert not wrong


def test_validation_knows_converters_only_by_their_artifact_types() -> None:
    wrong = {
        (str(file.relative_to(ROOT)), module)
        for file in sorted((ROOT / "validation").rglob("*.py"))
        for module in imported_modules(file)
        if module.split(".")[0] == "converters" and module not in ARTIFACT_TYPES
    }
    assert not wrong


def test_every_top_level_package_is_covered() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert packages == set(ALLOWED)


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    heavy = (
        "torch",
        "tensorflow",
        "coremltools",
        "onnx",
        "onnxruntime",
        "ai_edge_litert",
        "litert_torch",
        "matplotlib",
    )
    code = f"import sys, {package}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_no_module_imports_in_a_circle() -> None:
    """Imports inside functions count: a circle that is only put off is one."""
    graph = {name: {other for other in module.everything if other in modules()} for name, module in modules().items()}
    assert not circles(graph)


def test_no_room_imports_in_a_circle() -> None:
    """Folders import each other in one direction; a folder and what lies below it count as one."""
    graph: dict[str, set[str]] = {}
    for module in modules().values():
        room = _room(module.path)
        for other in (modules()[name] for name in module.everything if name in modules()):
            target = _room(other.path)
            if target != room and not target.startswith(f"{room}/") and not room.startswith(f"{target}/"):
                graph.setdefault(room, set()).add(target)
    assert not circles(graph)


def _room(path: Path) -> str:
    return path.parent.relative_to(ROOT).as_posix()


def test_imports_inside_functions_keep_a_heavy_library_out() -> None:
    """Any other import of ours belongs at the top of its file, where a reader sees what the file depends on."""
    needless = [
        f"{module.path.relative_to(ROOT)}:{line} imports {target}"
        for module in modules().values()
        for line, target in module.inside
        if target in modules() and not heavy(target) - heavy(module.name)
    ]
    assert not needless


MOST_ENTRIES = 12
EVERYWHERE = {"__init__.py", "__init__.pyi", "__main__.py", "__pycache__", "conftest.py", "errors.py", "py.typed"}
"""What a folder may hold beside its dozen: files that every package has."""
LISTS = {"validation/milrun/ops", "toolkit/report/templates"}
"""Folders of many files of one kind, which nobody reads from top to bottom."""


@pytest.mark.parametrize("top", [*sorted(ALLOWED), "benchmarks", "docs", "examples", "tests"])
def test_no_folder_holds_more_than_a_dozen_entries(top: str) -> None:
    folders = [ROOT / top, *(path for path in (ROOT / top).rglob("*") if path.is_dir())]
    counts = {
        folder.relative_to(ROOT).as_posix(): sum(
            entry.name not in EVERYWHERE and not entry.name.startswith(".") for entry in folder.iterdir()
        )
        for folder in folders
        if "__pycache__" not in folder.parts and not any(part.endswith(".egg-info") for part in folder.parts)
    }
    assert {name: count for name, count in counts.items() if count > MOST_ENTRIES and name not in LISTS} == {}
