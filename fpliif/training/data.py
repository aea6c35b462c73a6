"""Open the pictures that a training config trains, validates and tests on: drawn faces, or a dataset on disk."""

from __future__ import annotations

from fpliif.errors import TrainingError
from fpliif.training.config import TrainConfig
from segdata.dataset import Dataset
from segdata.faces.synthetic import SyntheticFaces
from segdata.registry import dataset_kinds, open_dataset
from segdata.resize import FittedSamples
from segdata.subset import ChosenSamples

HELD_OUT = 10
"""Where a dataset has no validation split, every tenth training picture validates and is not trained on. The test
split never chooses a checkpoint: its score would be too good."""


def training_datasets(config: TrainConfig) -> tuple[Dataset, Dataset]:
    """Open (train, validation) of the config, square and of side ``data.size``.

    Raises:
        DataError: for an unknown dataset, one whose files are missing, or one without the config's classes.
        TrainingError: see `check_classes`.
    """
    if not config.data.dataset:
        data = config.data
        return _drawn(config, "train", data.train_scenes), _drawn(config, "val", data.validation_scenes)
    train = _opened(config, "train")
    if "val" in dataset_kinds()[config.data.dataset.partition(":")[0]].splits:
        return train, _opened(config, "val")
    places = range(len(train))
    held = [place for place in places if place % HELD_OUT == HELD_OUT - 1]
    kept = [place for place in places if place % HELD_OUT != HELD_OUT - 1]
    return ChosenSamples(train, kept, "train"), ChosenSamples(train, held, "val")


def testing_dataset(config: TrainConfig, limit: int | None = None) -> Dataset:
    """Open at most `limit` pictures that neither train nor choose the checkpoint; raises as `training_datasets`."""
    if config.data.dataset:
        return _opened(config, "test", limit)
    return _drawn(config, "test", limit or config.data.test_scenes)


def check_classes(config: TrainConfig, dataset: Dataset) -> None:
    """Raise TrainingError unless the dataset's class ids are those of the config."""
    if dataset.labels.names != config.label_set.names:
        raise TrainingError(
            f"dataset {dataset.name} has the classes of {dataset.labels.name} but the config trains "
            f"{config.labels}; set labels to match"
        )


def _opened(config: TrainConfig, split: str, limit: int | None = None) -> Dataset:
    data = config.data
    opened = open_dataset(data.dataset, split, config.label_set, data.size, limit or data.limit)
    check_classes(config, opened)
    return FittedSamples(opened, data.size)


def _drawn(config: TrainConfig, split: str, count: int) -> Dataset:
    return SyntheticFaces(split, config.label_set, config.data.size, count, config.data.seed)
