"""The direction of imports is the architecture; this test is what keeps it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
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
