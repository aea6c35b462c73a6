"""Pictures with labels: the Dataset contract, label sets, and readers."""

from segdata.dataset import Dataset, Sample
from segdata.errors import DataError
from segdata.labels import FACE11, FACE19, IGNORE_INDEX, LabelSet, remap_table
from segdata.registry import dataset_kinds, open_dataset
from segdata.resize import fit

__all__ = [
    "FACE11",
    "FACE19",
    "IGNORE_INDEX",
    "DataError",
    "Dataset",
    "LabelSet",
    "Sample",
    "dataset_kinds",
    "fit",
    "open_dataset",
    "remap_table",
]
