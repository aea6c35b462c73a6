"""Command-line options that several commands share, each named and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# Typer reads these at run time, so Optional[...] is spelled out for its own annotation parser.
Config = Annotated[Path | None, typer.Option("--config", help="TOML file with any of these options.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Shipped name, .safetensors, .onnx, .pt2, TorchScript or package.module:factory. Default: the shipped FP-LIIF.",
    ),
]
Weights = Annotated[
    Path | None, typer.Option("--weights", help="State dict for a factory (.safetensors, or .pt without code).")
]
Classes = Annotated[Path | None, typer.Option("--classes", help="Text file, one class name a line.")]
InputSize = Annotated[str | None, typer.Option("--input-size", help="Picture size, 256 or 256x320 (height x width).")]
InputShapes = Annotated[
    str | None,
    typer.Option("--input-shapes", help="Several picture sizes in one Core ML artifact, e.g. 256x256,512x512."),
]
OutputSize = Annotated[str | None, typer.Option("--output-size", help="Answer size; default: the input size.")]
OutputSizes = Annotated[
    str | None,
    typer.Option("--output-sizes", help="Several answer sizes in one artifact (FP-LIIF), e.g. 64,128,256,512."),
]
PixelRange = Annotated[
    str | None, typer.Option("--pixel-range", help="unit (0..1) or byte (0..255) pixels at the input.")
]
Mean = Annotated[
    str | None, typer.Option("--mean", help="Subtracted per channel, in pixel range, e.g. 0.485,0.456,0.406.")
]
Std = Annotated[
    str | None, typer.Option("--std", help="Divided by per channel, in pixel range, e.g. 0.229,0.224,0.225.")
]
ChannelOrder = Annotated[
    str | None,
    typer.Option("--channel-order", help="rgb, bgr, grey, rgba or bgra: what the network takes; artifacts take RGB."),
]
Channels = Annotated[
    int | None,
    typer.Option(
        "--channels", help="Of the pictures, where the network takes others than RGB (.npy files); default 3."
    ),
]
ModelLayout = Annotated[str | None, typer.Option("--model-layout", help="nchw or nhwc: the network's own layout.")]
Answer = Annotated[
    str | None, typer.Option("--answer", help="Key, attribute or position of the logits among several answers.")
]
Upsample = Annotated[
    str | None, typer.Option("--upsample", help="Resize logits in the graph: bilinear, bilinear-corners or nearest.")
]
Dataset = Annotated[str | None, typer.Option("--dataset", "-d", help="synthetic-faces, folder:PATH, lapa:PATH, ...")]
Split = Annotated[str | None, typer.Option("--split", help="Split that judges: train, val or test.")]
Images = Annotated[int | None, typer.Option("--images", "-n", help="How many pictures judge.")]
JudgeAt = Annotated[
    str | None,
    typer.Option("--judge-at", help="Pixels that count: network (the answer's) or original (each picture's own mask)."),
]
CalibrationImages = Annotated[
    int | None,
    typer.Option(
        "--calibration-images", "--calibration-samples", help="How many training pictures fix integer ranges."
    ),
]
CalibrationMethod = Annotated[
    str | None,
    typer.Option("--calibration-method", help="How ranges are chosen: mean, minmax, percentile, mse, kl or octav."),
]
CalibrationChoice = Annotated[
    str | None,
    typer.Option(
        "--calibration-choice", help="Which training pictures: random, or balanced so that rare classes are seen."
    ),
]
CalibrationPlot = Annotated[
    bool | None, typer.Option("--calibration-plot", help="Draw every tensor's histogram with its ranges.")
]
Formats = Annotated[str | None, typer.Option("--formats", "-f", help="Comma-separated: tflite,coreml,onnx.")]
Recipes = Annotated[
    str | None, typer.Option("--recipes", "-r", help="Comma-separated recipes, e.g. float16,int8_static.")
]
Output = Annotated[str | None, typer.Option("--output", help="logits, or labels for the argmax inside the graph.")]
TfliteRoute = Annotated[str | None, typer.Option("--tflite-route", help="litert-torch or onnx2tf.")]
Quantizer = Annotated[
    str | None, typer.Option("--quantizer", help="Who makes TFLite int8_static: ai-edge or tensorflow.")
]
RepairBefore = Annotated[str | None, typer.Option("--repair", help="TFLite integers: equalize,gptq,bias or none.")]
WeightRange = Annotated[
    str | None, typer.Option("--weight-range", help="Reach of TFLite's integer weights: minmax or octav.")
]
LogitsRange = Annotated[
    str | None,
    typer.Option("--logits-range", help="Calibrated TFLite logits: decisive (fine where classes are decided) or full."),
]
IoDtype = Annotated[
    str | None, typer.Option("--io-dtype", help="Picture and logits of TFLite int8_static: float32, int8 or uint8.")
]
Keep = Annotated[
    str | None,
    typer.Option("--keep", help="Core ML and TFLite operations that keep a type, float32:PATTERN, comma-separated."),
]
Policy = Annotated[
    Path | None, typer.Option("--policy", help="Layers to keep in floats, a policy.toml of segport search.")
]
Runners = Annotated[
    str | None, typer.Option("--runners", help="Comma-separated name or name:backend, e.g. litert,milrun.")
]
Threads = Annotated[int | None, typer.Option("--threads", "-t", help="Threads each runtime may use.")]
Workers = Annotated[
    int | None, typer.Option("--workers", "-w", help="Processes that judge pictures at the same time; same results.")
]
LatencySamples = Annotated[int | None, typer.Option("--latency-samples", help="Timed inferences each; 0 for none.")]
MaxMiouDrop = Annotated[
    float | None, typer.Option("--max-miou-drop", help="Gate: fraction of mIoU an artifact may lose.")
]
MaxClassDrop = Annotated[
    float | None, typer.Option("--max-class-drop", help="Gate: fraction of IoU one class may lose.")
]
GateOn = Annotated[
    str | None,
    typer.Option("--gate-on", help="Gates hold the measured change (estimate) or its interval's worse bound (bound)."),
]
Examples = Annotated[int | None, typer.Option("--examples", help="Pictures shown in the report.")]
Photos = Annotated[
    Path | None,
    typer.Option("--photos", help="Folder of photographs without labels: judge by agreement with the float network."),
]
MinAgreement = Annotated[
    float | None,
    typer.Option("--min-agreement", help="Gate of --photos: fraction of pixels with the float network's class."),
]
Checks = Annotated[
    bool | None, typer.Option("--checks/--no-checks", help="Look for mistakes that scores hide (on a few pictures).")
]
Isolate = Annotated[
    bool | None,
    typer.Option("--isolate/--no-isolate", help="Converters and runtimes in processes of their own, which may crash."),
]
TimeLimit = Annotated[
    float | None, typer.Option("--time-limit", help="Seconds a conversion, or a runtime's picture, may take there.")
]
MemoryLimit = Annotated[
    float | None,
    typer.Option("--memory-limit", help="Gigabytes such a process may hold. Default: nine tenths of the machine's."),
]
# Text, because a path made of "" is the current folder.
Out = Annotated[
    str | None, typer.Option("--out", "-o", metavar="DIRECTORY", help="Output folder. Default: runs/latest.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
