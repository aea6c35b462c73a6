"""FP-LIIF's first pixel layer in every exact form.

Parity, work, size, memory, accuracy, ARM64 instructions and, by itself, time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.claims.accuracy import int8_artifact
from benchmarks.claims.counts import cached, held_out, held_out_pool, runner_counts, summary
from benchmarks.claims.latency import sampled_in_turns
from benchmarks.claims.models import FIRST, LABELS, SIDE, Model, first_layer_forms, graph_multiply_adds, weight_paths
from benchmarks.kept_answers import Kept
from toolkit.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from converters import Artifact
    from fpliif.training.pool import Pool

SHIPPED = "rewritten"
"""What `fpliif.deploy` makes; accuracy is compared with it."""
PARITY_IMAGES = 8
CPUS = ("cortex-a76", "max")
SHOWN = 6
"""Operations of each profile that the page names."""
TIMED = ("latency", "profile")
"""What only `measure_times` finds, and `measure_rewrite` keeps as long as the file is the same."""


def measure_rewrite(images: int, work: Path, before: Mapping[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure the part of the page on the forms, without times: nothing here depends on what else the machine does.


    Args:
        images: held-out pictures that the files are judged on.
        work: folder for pictures, counts and files.
        before: the part as it was; times of files that have not changed are taken from it.
        tell: hears what is being done.
    """
    models = first_layer_forms()
    tell(f"parity on {PARITY_IMAGES} pictures")
    parity = _parity(models)
    pool, data = held_out_pool(images, SIDE, work), held_out(images, SIDE).digest()
    rows, counts = {}, {}
    for name, model in models.items():
        tell(f"{name}: convert")
        artifact = int8_artifact(model, work)
        tell(f"{name}: accuracy, and ARM64 instructions")
        counts[name] = _counts(model, artifact, pool, data, work)
        rows[name] = {
            "title": model.title,
            **_static(model, artifact),
            "parity": parity["rows"][name],
            "instructions": _instructions(artifact, work),
            **_times_before(before, name, artifact),
        }
    for name, found in counts.items():
        rows[name]["int8"] = summary(found, None if name == SHIPPED else counts[SHIPPED])
    shared = {key: parity[key] for key in ("pixels", "largest_logit")}
    return {"images": images, "data": data, "parity_images": PARITY_IMAGES, **shared, "rows": rows}


def measure_times(seconds: float, work: Path, part: Mapping[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
    """Add to `part` the times of all its files, sampled in turns; needs a machine that does nothing else.


    Raises:
        UsageError: `part` was measured of other files, or not at all.
    """
    artifacts = {}
    for name, model in first_layer_forms().items():
        tell(f"{name}: convert")
        artifacts[name] = int8_artifact(model, work)
    known = {name: row["sha256"] for name, row in part.get("rows", {}).items()}
    if known != {name: artifact.sha256 for name, artifact in artifacts.items()}:
        raise UsageError("the files are not those that were measured; run the command without --time first")
    latency = sampled_in_turns(artifacts, 1, seconds, held_out(1, SIDE)[0].image, tell)
    rows = {}
    for name, artifact in artifacts.items():
        tell(f"{name}: profile")
        rows[name] = {**part["rows"][name], "latency": latency[name], "profile": _profile(artifact)}
    return {**part, "rows": rows}


def _times_before(before: Mapping[str, Any], name: str, artifact: Artifact) -> dict[str, Any]:
    row = before.get("rows", {}).get(name, {})
    return {key: row.get(key) if row.get("sha256") == artifact.sha256 else None for key in TIMED}


def _parity(models: Mapping[str, Model]) -> dict[str, Any]:
    """Measure how far each form's float logits lie from the trained network's, and the share of pixels with the same
    class.
    """
    import torch

    from fpliif.checkpoint import load_checkpoint

    network = load_checkpoint(weight_paths()[FIRST], labels=LABELS).network.eval()
    worst, same = dict.fromkeys(models, 0.0), dict.fromkeys(models, 0)
    largest, pixels = 0.0, 0
    with torch.inference_mode():
        for sample in held_out(PARITY_IMAGES, SIDE):
            picture = torch.from_numpy(sample.image).permute(2, 0, 1)[None].float() / 255
            expected = network(picture, (SIDE, SIDE))
            largest, pixels = max(largest, float(expected.abs().max())), pixels + SIDE * SIDE
            for name, model in models.items():
                assert model.source.module is not None
                found = model.source.module(picture)
                worst[name] = max(worst[name], float((found - expected).abs().max()))
                same[name] += int((found.argmax(1) == expected.argmax(1)).sum())
    rows = {name: {"largest_difference": worst[name], "same_class": same[name] / pixels} for name in models}
    return {"pixels": pixels, "largest_logit": largest, "rows": rows}


def _counts(model: Model, artifact: Artifact, pool: Pool, data: str, work: Path) -> NDArray[Any]:
    """Confusion matrix of each picture, of the file in LiteRT; shared with the page's part on the networks."""
    from validation.runners.litert.runner import LiteRtRunner

    decided = [artifact.sha256, data, "int8"]
    return cached(
        work,
        f"{model.name}-int8",
        decided,
        lambda: runner_counts(LiteRtRunner(artifact, "xnnpack", threads=1), pool),
    )


def _static(model: Model, artifact: Artifact) -> dict[str, Any]:
    """Return what is known without running it."""
    from converters.formats.tflite.file.arena import plan_arena

    assert model.source.module is not None
    return {
        "sha256": artifact.sha256,
        "bytes": artifact.size_bytes,
        "multiply_adds": graph_multiply_adds(model.source.module),
        "activation_bytes": plan_arena(artifact.path).arena_bytes,
        "pieces": _pieces(artifact.path),
    }


def _pieces(path: Path) -> int:
    """Parts of the graph that XNNPACK executes, as LiteRT lists them."""
    from ai_edge_litert.interpreter import Interpreter

    from validation.runners.litert.graph import delegated_parts

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    return len(delegated_parts(interpreter._get_ops_details()))


def _profile(artifact: Artifact) -> dict[str, Any]:
    from validation.runners.litert.profiled_graph import profile_file

    profile = profile_file(artifact.path)
    return {
        "status": profile.status,
        "reason": profile.reason,
        "operations": [
            {"name": item.name, "kind": item.kind, "share": item.share} for item in profile.operations[:SHOWN]
        ],
    }


def _instructions(artifact: Artifact, work: Path) -> dict[str, Any]:
    """Executed by one inference, by CPU; a reason where the machine for it has not been made."""
    from validation.runners.arm64.runner import Arm64Runner

    kept, faces = Kept(work / "instructions.json"), held_out(1, SIDE)
    found = {}
    for cpu in CPUS:
        available = Arm64Runner.availability(cpu)

        def count(cpu: str = cpu) -> dict[str, Any]:
            with Arm64Runner(artifact, cpu) as runner:
                return runner.count_instructions(faces[0].image).to_json()

        found[cpu] = (
            {"status": "counted", "reason": "", **kept.get((cpu, artifact.sha256, faces.digest()), count)}
            if available.ok
            else {"status": "not_run", "reason": available.reason}
        )
    return found
