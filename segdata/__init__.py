"""Pictures with labels: the Dataset contract, label sets, and readers."""

from segdata.dataset import Dataset, Sample
from segdata.errors import DataError
from segdata.labels import FACE11, FACE19, IGNORE_INDEX, LabelSet, remap_table

__all__ = ["FACE11", "FACE19", "IGNORE_INDEX", "DataError", "Dataset", "LabelSet", "Sample", "remap_table"]
