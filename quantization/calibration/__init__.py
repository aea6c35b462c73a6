"""Calibrate: pictures -> statistics of every tensor -> the range each integer tensor gets.

Statistics are gathered once per program and set of pictures; every method and every recipe derives its ranges from
them.
"""

from quantization.calibration.choice import Choice, balanced_choice, random_choice
from quantization.calibration.methods import Method, Range, decisive_range, range_of
from quantization.calibration.pictures import CalibrationSet, Observer
from quantization.calibration.statistics import Histogram, StatisticsRecorder, TensorStatistics

__all__ = [
    "CalibrationSet",
    "Choice",
    "Histogram",
    "Method",
    "Observer",
    "Range",
    "StatisticsRecorder",
    "TensorStatistics",
    "balanced_choice",
    "decisive_range",
    "random_choice",
    "range_of",
]
