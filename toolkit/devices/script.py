"""Measure the Core ML packages of this bundle on a Mac, or on an iPhone attached to it, and write result.json.

It needs Python 3.10 or later and `pip install coremltools numpy pillow`, nothing else; segport is not needed. Every
package is opened on every choice of compute units; per choice it writes

- latency by coremltools' MLModelBenchmarker: loading, first run, warm-up until times settle, then samples with p50,
  p90, p95, p99, mean, min and max;
- answers on the packed pictures: a confusion matrix against the packed labels for each, pixels against the float
  reference, and a hash of the class map;
- the compute plan: which operation Core ML means to run on which unit.

Where Core ML is missing it says so in result.json (`not_run` and the reason) and measures nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

try:
    import numpy as np
    from PIL import Image
except ImportError as missing:
    sys.exit(f"measure.py: {missing}; run: pip install coremltools numpy pillow")

SCHEMA = 1
IGNORED = 255
"""Label of pixels that count for nothing."""
UNITS = {"all": "ALL", "cpu_only": "CPU_ONLY", "cpu_and_gpu": "CPU_AND_GPU", "cpu_and_ne": "CPU_AND_NE"}
WINDOW = 5
STABLE = 0.05
"""Warm-up ends when the medians of two windows of runs in a row differ by less than this fraction."""
NS_PER_MS = 1e6
BUSY_CORES = 0.5


@dataclass(frozen=True)
class Settings:
    """How long to measure each package on each choice of units."""

    samples: int = 100
    min_samples: int = 10
    max_seconds: float = 20.0
    max_warmup: int = 50
    max_warmup_seconds: float = 10.0


class Session(Protocol):
    """One package opened on one choice of units; `load_ns` is how long that took."""

    load_ns: int

    def time(self, given: dict[str, Any]) -> int:
        """One inference: its nanoseconds as the framework measured them."""

    def answer(self, given: dict[str, Any]) -> dict[str, Any]:
        """One inference: answers by name."""

    def plan(self) -> Any:
        """coremltools' MLComputePlan of what is open."""


class Runtime(Protocol):
    """What opens packages: Core ML of this Mac, or an iPhone's."""

    runner: str
    machine: dict[str, Any]

    def missing(self) -> str:
        """Why nothing can be run here; empty if it can."""

    def open(self, package: Path, backend: str, function: str | None) -> Session:
        """Open a package (one of its functions, or its only one if None); raises whatever Core ML raises."""


class BundleError(ValueError):
    """The bundle is damaged or incomplete; says what to do."""


# --- the bundle -------------------------------------------------------------------------------------------------------


def read_bundle(root: Path) -> tuple[dict[str, Any], str]:
    """bundle.json and its sha256, after checking every file against its hash; raises BundleError."""
    try:
        text = (root / "bundle.json").read_bytes()
        bundle: dict[str, Any] = json.loads(text)
    except (OSError, ValueError) as error:
        raise BundleError(f"bundle.json cannot be read ({error}); unzip the bundle again") from error
    if bundle.get("schema") != SCHEMA:
        raise BundleError(f"bundle.json has schema {bundle.get('schema')!r}, not {SCHEMA}; make the bundle again")
    for name, expected in bundle["files"].items():
        if not (root / name).is_file() or file_hash(root / name) != expected:
            raise BundleError(f"{name} is missing or changed; unzip the bundle again")
    return bundle, hashlib.sha256(text).hexdigest()


def file_hash(path: Path) -> str:
    """sha256 (hex) of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def content_hash(path: Path) -> str:
    """sha256 (hex) of a file, or of a folder as its sorted relative paths with each file's hash, as segport counts."""
    if path.is_file():
        return file_hash(path)
    state = hashlib.sha256()
    for member in sorted(item for item in path.rglob("*") if item.is_file()):
        state.update(f"{member.relative_to(path).as_posix()}\0{file_hash(member)}\n".encode())
    return state.hexdigest()


def read_pixels(path: Path) -> Any:
    """uint8 array of a PNG."""
    with Image.open(path) as picture:
        return np.asarray(picture)


# --- one run ----------------------------------------------------------------------------------------------------------


def model_input(picture: Any, spec: dict[str, Any]) -> dict[str, Any]:
    """A uint8 (H, W, 3) picture as the package takes it: a picture, or a float32 tensor with a batch of one."""
    if spec["as_picture"]:
        return {spec["name"]: Image.fromarray(picture)}
    values = picture[np.newaxis].astype(np.float32)
    if spec["pixel_range"] == "unit":
        values /= np.float32(255.0)
    if spec["layout"] == "nchw":
        values = values.transpose(0, 3, 1, 2)
    return {spec["name"]: np.ascontiguousarray(values)}


def class_map(answers: dict[str, Any], spec: dict[str, Any]) -> Any:
    """uint8 (h, w) class ids from a package's answer; raises ValueError if it is not what the bundle says it is."""
    if spec["name"] not in answers:
        raise ValueError(f"it answers with {', '.join(answers)}, not {spec['name']!r}")
    raw, size = np.asarray(answers[spec["name"]]), (spec["height"], spec["width"])
    if raw.dtype.kind == "f" and not np.isfinite(raw).all():
        raise ValueError("it answered with NaN or infinity")
    if spec["kind"] == "labels":
        labels = raw.reshape(size)
    else:
        nchw = spec["layout"] == "nchw"
        expected = (1, spec["classes"], *size) if nchw else (1, *size, spec["classes"])
        if raw.shape != expected:
            raise ValueError(f"expected logits of shape {expected}, got {raw.shape}")
        labels = raw[0].argmax(axis=0 if nchw else 2)
    if labels.min() < 0 or labels.max() >= spec["classes"]:
        raise ValueError(f"it answered with a class outside 0 to {spec['classes'] - 1}")
    return labels.astype(np.uint8)


def counts(truth: Any, answer: Any, classes: int, ignored: int | None = IGNORED) -> Any:
    """int64 (C, C): pixels by (class in `truth`, class in `answer`); pixels of `ignored` in truth are left out."""
    cells = truth.reshape(-1).astype(np.int64) * classes + answer.reshape(-1)
    if ignored is not None:
        cells = cells[truth.reshape(-1) != ignored]
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def settled(times: list[int]) -> bool:
    """Whether two windows of runs in a row take the same time; the cold run is no part of either."""
    if len(times) < 2 * WINDOW + 1:
        return False
    before, now = statistics.median(times[-2 * WINDOW : -WINDOW]), statistics.median(times[-WINDOW:])
    return abs(now - before) <= STABLE * before


def measure_latency(call: Callable[[], int], settings: Settings, open_ns: int, load: float) -> dict[str, Any]:
    """Cold run, warm-up, samples. `call` runs once and returns nanoseconds; `load` is how many cores others kept
    busy."""
    warm = [call()]
    while len(warm) < settings.max_warmup and sum(warm) < settings.max_warmup_seconds * 1e9 and not settled(warm):
        warm.append(call())
    stable, taken = settled(warm), [call()]
    while len(taken) < settings.min_samples or (
        len(taken) < settings.samples and sum(taken) < settings.max_seconds * 1e9
    ):
        taken.append(call())
    times = np.asarray(taken, dtype=np.float64) / NS_PER_MS
    p50, p90, p95, p99 = (float(value) for value in np.percentile(times, (50, 90, 95, 99)))
    warning = ""
    if load > BUSY_CORES:
        warning = f"the machine's load was {load:.1f} before the measurement; close other programs and measure again"
    return {
        "p50": p50,
        "p90": p90,
        "p95": p95,
        "p99": p99,
        "mean": float(times.mean()),
        "min": float(times.min()),
        "max": float(times.max()),
        "samples": len(taken),
        "warmup": len(warm),
        "stable": stable,
        "threads": None,
        "load_ms": open_ns / NS_PER_MS,
        "first_run_ms": warm[0] / NS_PER_MS,
        "other_load": load,
        "warning": warning,
    }


def measure_answers(session: Session, root: Path, bundle: dict[str, Any], artifact: dict[str, Any]) -> dict[str, Any]:
    """Class maps of the packed pictures against labels and float reference, counted."""
    output = artifact["output"]
    size, classes = f"{output['height']}x{output['width']}", output["classes"]
    flips, found = np.zeros((classes, classes), dtype=np.int64), []
    for picture in bundle["pictures"]:
        pixels = read_pixels(root / picture["picture"])
        answer = class_map(session.answer(model_input(pixels, artifact["image"])), output)
        maps = picture["maps"][size]
        found.append(
            {
                "id": picture["id"],
                "confusion": counts(read_pixels(root / maps["labels"]), answer, classes).tolist(),
                "answer_sha256": hashlib.sha256(answer.tobytes()).hexdigest(),
            }
        )
        flips += counts(read_pixels(root / maps["reference"]), answer, classes, None)
    return {
        "pictures": found,
        "class_flips": flips.tolist(),
        "pixel_agreement": int(np.trace(flips)) / int(flips.sum()),
    }


def measure_run(
    runtime: Runtime, root: Path, bundle: dict[str, Any], artifact: dict[str, Any], backend: str, settings: Settings
) -> dict[str, Any]:
    """One package on one choice of units: an entry of result.json's `runs`."""
    package = root / artifact["path"]
    entry: dict[str, Any] = {
        "artifact": artifact["name"],
        "sha256": content_hash(package),
        "runner": runtime.runner,
        "backend": backend,
        "threads": None,
    }
    reason = runtime.missing()
    if reason:
        return {**entry, "status": "not_run", "reason": reason, "latency_ms": None}
    load = os.getloadavg()[0]
    try:
        session = runtime.open(package, backend, artifact.get("signature"))
        first = model_input(read_pixels(root / bundle["pictures"][0]["picture"]), artifact["image"])
        latency = measure_latency(lambda: session.time(first), settings, session.load_ns, load)
        answers = measure_answers(session, root, bundle, artifact)
    except Exception as error:  # noqa: BLE001  Core ML raises plain Exceptions, and one failing choice must not lose the rest
        return {**entry, "status": "failed", "reason": one_line(error), "latency_ms": None}
    return {
        **entry,
        "status": "measured",
        "reason": "",
        "latency_ms": latency,
        **answers,
        **compute_plan(session, artifact.get("signature")),
    }


def compute_plan(session: Session, function: str | None) -> dict[str, Any]:
    """Which operation Core ML means to run where; a reason if it does not say."""
    try:
        return {"compute_plan": list(planned(session.plan(), function)), "compute_plan_reason": ""}
    except Exception as error:  # noqa: BLE001  the plan is extra; without it the figures still stand
        return {"compute_plan": None, "compute_plan_reason": one_line(error)}


def planned(plan: Any, function: str | None) -> Iterator[dict[str, Any]]:
    """Operations of an MLComputePlan, of one function (of its only one if None); those without a unit (constants) are
    left out."""
    functions = plan.model_structure.program.functions
    (chosen,) = functions.values() if function is None else (functions[function],)
    for operation in operations(chosen.block):
        usage = plan.get_compute_device_usage_for_mlprogram_operation(operation)
        if usage is None:
            continue
        cost = plan.get_estimated_cost_for_mlprogram_operation(operation)
        yield {
            "operator": operation.operator_name,
            "output": operation.outputs[0].name if operation.outputs else "",
            "preferred": unit_name(usage.preferred_compute_device),
            "supported": [unit_name(device) for device in usage.supported_compute_devices],
            "weight": None if cost is None else float(cost.weight),
        }


def operations(block: Any) -> Iterator[Any]:
    """Operations of a block and of the blocks inside them."""
    for operation in block.operations:
        yield operation
        for inner in operation.blocks:
            yield from operations(inner)


def unit_name(device: Any) -> str:
    """cpu, gpu or neural_engine, from the class that coremltools describes it with."""
    kind = type(device).__name__
    return "neural_engine" if "NeuralEngine" in kind else "gpu" if "GPU" in kind else "cpu" if "CPU" in kind else kind


def one_line(error: BaseException) -> str:
    """An error's text without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


# --- what needs Core ML -----------------------------------------------------------------------------------------------


class Benchmarked:
    """coremltools' own MLModelBenchmarker around one package: it loads the model and times it inside the framework.

    It is asked for one prediction at a time, because it returns when its iterations are done: percentiles, settling and
    a limit of seconds are ours. It always gets a picture: what it draws by itself fails for packages that take
    pictures.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, model: Any, device: Any) -> None:
        from coremltools.models.ml_program.experimental.perf_utils import MLModelBenchmarker

        self._loop, self._benchmarker = loop, MLModelBenchmarker(model, device=device)
        self.load_ns = self._one(self._benchmarker.benchmark_load(iterations=1))

    def time(self, given: dict[str, Any]) -> int:
        """Nanoseconds of one prediction."""
        return self._one(self._benchmarker.benchmark_predict(inputs=given, iterations=1, warmup=False))

    def _one(self, measuring: Any) -> int:
        (milliseconds,) = self._loop.run_until_complete(measuring).samples
        return round(float(milliseconds) * NS_PER_MS)


class CoreMlSession:
    """A package opened with coremltools on this Mac."""

    def __init__(self, loop: asyncio.AbstractEventLoop, package: Path, backend: str, function: str | None) -> None:
        import coremltools

        self._package, self._function = package, function
        self._units = coremltools.ComputeUnit[UNITS[backend]]
        # Nothing is loaded before the benchmarker loads it: a second load finds what Core ML compiled for the first.
        described = coremltools.models.MLModel(
            str(package), compute_units=self._units, function_name=function, skip_model_load=True
        )
        self._benchmarked = Benchmarked(loop, described, None)
        self.load_ns = self._benchmarked.load_ns

    def time(self, given: dict[str, Any]) -> int:
        return self._benchmarked.time(given)

    def answer(self, given: dict[str, Any]) -> dict[str, Any]:
        answers: dict[str, Any] = self._loaded.predict(given)
        return answers

    def plan(self) -> Any:
        from coremltools.models.compute_plan import MLComputePlan

        return MLComputePlan.load_from_path(self._loaded.get_compiled_model_path(), self._units)

    @cached_property
    def _loaded(self) -> Any:
        import coremltools

        return coremltools.models.MLModel(str(self._package), compute_units=self._units, function_name=self._function)


class CoreMl:
    """Core ML of this Mac."""

    runner = "coreml"

    def __init__(self, label: str | None) -> None:
        self._loop, self.machine = asyncio.new_event_loop(), this_machine(label)

    def missing(self) -> str:
        return core_ml_missing()

    def open(self, package: Path, backend: str, function: str | None) -> Session:
        return CoreMlSession(self._loop, package, backend, function)


class PhoneSession:
    """A package opened on an attached iPhone through coremltools' remote device."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, device: Any, package: Path, backend: str, function: str | None
    ) -> None:
        import coremltools
        from coremltools.models.ml_program.experimental.async_wrapper import MLModelAsyncWrapper

        self._loop, self._folder = loop, tempfile.TemporaryDirectory()
        units = coremltools.ComputeUnit[UNITS[backend]]
        taking_tensors = with_tensor_input(package, Path(self._folder.name) / "model.mlpackage")
        described = coremltools.models.MLModel(
            str(taking_tensors), compute_units=units, function_name=function, skip_model_load=True
        )
        self._benchmarked = Benchmarked(loop, described, device)
        self.load_ns = self._benchmarked.load_ns
        # The benchmarker keeps its answers to itself, so those come from a second one opened on the phone.
        self._model = MLModelAsyncWrapper.from_spec_or_path(
            spec_or_path=str(taking_tensors),
            weights_dir=str(taking_tensors / "Data" / "com.apple.CoreML" / "weights"),
            compute_units=units,
            function_name=function,
            device=device,
        )
        loop.run_until_complete(self._model.load())

    def time(self, given: dict[str, Any]) -> int:
        return self._benchmarked.time(as_tensors(given))

    def answer(self, given: dict[str, Any]) -> dict[str, Any]:
        answers: dict[str, Any] = self._loop.run_until_complete(self._model.predict(as_tensors(given)))
        return answers

    def plan(self) -> Any:
        return self._loop.run_until_complete(self._model.retrieve_compute_plan())


class Phone:
    """An iPhone attached to this Mac. Its own name is not recorded, only what it is."""

    runner = "coreml"

    def __init__(self, name: str, team: str, label: str | None) -> None:
        self._loop, self._name, self._team = asyncio.new_event_loop(), name, team
        self._device: Any = None
        self._reason: str | None = None
        self.machine = {"name": label or "iphone", "system": "iOS", "release": "", "chip": "", "model": "iphone"}

    def missing(self) -> str:
        if self._reason is None:
            self._reason = core_ml_missing() or self._prepare()
        return self._reason

    def open(self, package: Path, backend: str, function: str | None) -> Session:
        return PhoneSession(self._loop, self._device, package, backend, function)

    def _prepare(self) -> str:
        """Connect, build coremltools' model runner with Xcode and start it on the phone; the reason if that fails."""
        try:
            from coremltools.models.ml_program.experimental import remote_device

            phones = remote_device.Device.get_connected_devices(remote_device.DeviceType.IPHONE)
            chosen = [phone for phone in phones if self._name in ("", phone.name, phone.identifier, phone.udid)]
            if len(chosen) != 1:
                return (
                    f"{len(chosen)} of {len(phones)} connected iPhones fit --device {self._name!r}; attach and"
                    " unlock one"
                )
            credentials = remote_device.AppSigningCredentials(development_team=self._team)
            preparing = chosen[0].prepare_for_model_debugging(credentials=credentials)
            self._device = self._loop.run_until_complete(preparing)
        except Exception as error:  # noqa: BLE001  Xcode, signing, cable: all end in different errors, each in its own words
            return f"the iPhone cannot be used ({one_line(error)}); it needs Xcode, developer mode and --team"
        self.machine["release"] = self._device.os_version
        return ""


def with_tensor_input(package: Path, copy: Path) -> Path:
    """A copy of a package that takes float32 (1, 3, H, W) with values 0..255 where it took a picture.

    coremltools 9.0 sends only float and int32 tensors to a phone. In an ML Program a picture arrives as just this
    tensor (scaling is part of the program), so only the description changes.
    """
    import coremltools

    spec = coremltools.utils.load_spec(str(package))
    for feature in spec.description.input:
        if feature.type.WhichOneof("Type") == "imageType":
            height, width = feature.type.imageType.height, feature.type.imageType.width
            array = feature.type.multiArrayType
            array.shape.extend([1, 3, height, width])
            array.dataType = coremltools.proto.FeatureTypes_pb2.ArrayFeatureType.ArrayDataType.FLOAT32
    weights = str(package / "Data" / "com.apple.CoreML" / "weights")
    coremltools.models.MLModel(spec, weights_dir=weights, skip_model_load=True).save(str(copy))
    return copy


def as_tensors(given: dict[str, Any]) -> dict[str, Any]:
    """What a phone takes of a package's inputs."""
    return {name: as_tensor(value) for name, value in given.items()}


def as_tensor(value: Any) -> Any:
    """A picture as float32 (1, 3, H, W) with values 0..255; tensors stay as they are."""
    if isinstance(value, Image.Image):
        return np.ascontiguousarray(np.asarray(value, dtype=np.float32).transpose(2, 0, 1)[np.newaxis])
    return value


def core_ml_missing() -> str:
    """Why Core ML cannot be used here; empty if it can."""
    if sys.platform != "darwin":
        return "the Core ML framework exists only on macOS; copy this folder to a Mac and run measure.py there"
    return coremltools_missing()


def coremltools_missing() -> str:
    """Why coremltools cannot be used; empty if it can."""
    return "" if installed("coremltools") else "coremltools is not installed; run: pip install coremltools"


def installed(package: str) -> str | None:
    """Version of an installed package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


# --- the whole bundle -------------------------------------------------------------------------------------------------


def this_machine(label: str | None) -> dict[str, Any]:
    """What this machine is; nothing that names a person or a host."""
    chip = asked("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor() or platform.machine()
    model = asked("sysctl", "-n", "hw.model")
    mac = platform.mac_ver()[0]
    return {
        "name": label or " ".join(filter(None, (chip, f"({model})" if model else ""))),
        "system": "macOS" if mac else platform.system(),
        "release": mac or platform.release(),
        "chip": chip,
        "model": model,
        "cores": os.cpu_count(),
    }


def asked(*command: str) -> str:
    """What a small command prints; empty if it is not here or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def versions() -> dict[str, str | None]:
    """Versions of what took part."""
    return {"python": platform.python_version(), **{name: installed(name) for name in ("coremltools", "numpy")}}


def measure_bundle(
    root: Path, runtime: Runtime, settings: Settings, backends: list[str], out: Path, note: Callable[[str], None]
) -> dict[str, Any]:
    """Measure everything; `out` is written whole after every run, so that a crash of Core ML loses one run only."""
    bundle, sha256 = read_bundle(root)
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": "segport-result",
        "bundle_sha256": sha256,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017  datetime.UTC is 3.11
        "machine": runtime.machine,
        "versions": versions(),
        "settings": asdict(settings),
        "complete": False,
        "runs": [],
    }
    wanted = [(artifact, backend) for artifact in bundle["artifacts"] for backend in backends]
    for number, (artifact, backend) in enumerate(wanted, start=1):
        run = measure_run(runtime, root, bundle, artifact, backend, settings)
        result["runs"].append(run)
        result["complete"] = number == len(wanted)
        write_json(out, result)
        latency = run["latency_ms"]
        said = f"{latency['p50']:.2f} ms median" if latency else f"{run['status']}: {run['reason']}"
        note(f"[{number}/{len(wanted)}] {artifact['name']} on {backend}: {said}")
    return result


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write JSON beside its place and move it there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 something was measured, 1 a run failed, 2 the bundle is damaged, 3 Core ML is not here."""
    parser = argparse.ArgumentParser(prog="measure.py", description="Measure the Core ML packages of this bundle.")
    parser.add_argument("--out", type=Path, default=Path("result.json"), help="file to write (default: result.json)")
    parser.add_argument("--device", metavar="NAME", help="measure on this attached iPhone ('' for the only one)")
    parser.add_argument("--team", default="", help="Apple developer team that signs the helper app on the iPhone")
    parser.add_argument("--label", help="name of the machine in reports, for example 'iPhone 15 Pro'")
    parser.add_argument("--units", default=",".join(UNITS), help=f"comma-separated; default: {','.join(UNITS)}")
    parser.add_argument("--samples", type=int, default=Settings.samples, help="timed inferences each")
    given = parser.parse_args(arguments)
    backends = given.units.split(",")
    if not set(backends) <= set(UNITS):
        parser.error(f"--units {given.units}: choose from {', '.join(UNITS)}")
    if given.samples < 1:
        parser.error(f"--samples {given.samples}: give 1 or more")
    settings = Settings(samples=given.samples, min_samples=min(Settings.min_samples, given.samples))
    runtime: Runtime
    runtime = CoreMl(given.label) if given.device is None else Phone(given.device, given.team, given.label)
    try:
        result = measure_bundle(Path(__file__).parent, runtime, settings, backends, given.out, print)
    except (BundleError, OSError) as error:
        print(f"measure.py: {one_line(error)}", file=sys.stderr)
        return 2
    statuses = {run["status"] for run in result["runs"]}
    print(f"wrote {given.out}; on the machine of the run: segport report RUN --merge {given.out.name}")
    return 1 if "failed" in statuses else 0 if "measured" in statuses else 3


if __name__ == "__main__":
    sys.exit(main())
