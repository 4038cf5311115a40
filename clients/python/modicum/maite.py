"""Models and data sets of MAITE (the protocols of the package `maite`) searched in this process, by forward passes.

A MAITE model is a function from images to class scores, `model([image, ...]) -> [scores, ...]`. Its protocol gives no
torch module, no gradient and no weights, so it cannot be sent to a server. It runs here, as the caller runs it. A MAITE
data set is pictures and labels: `write_npz` writes what `client.datasets.upload` takes, for models that a server has.

Needs torch and `modicum_sis`, and not `maite` itself: whatever has the form of its protocols is taken.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from modicum.errors import InvalidArgument

try:
    import torch
    from modicum_sis import Classifier, Finding, MaskOptimization, Progress, find_subsets
    from modicum_sis.images.source import BOUNDS_SLACK
    from modicum_sis.numerics.out_of_memory import is_out_of_memory

    from modicum.maite_checks import (
        NUMBERS,
        array_of,
        checked_bounds,
        checked_indices,
        checked_names,
        label_of,
        names_of,
        parts_of,
        require,
    )
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "modicum.maite needs torch and modicum_sis: run pip install 'modicum[local]'", name=missing.name
    ) from missing

Array = np.ndarray[Any, Any]
IMAGE_AXES = 3
USUAL_CHANNELS = (1, 3, 4)
DEFAULT_PASSES = 600


class MaiteModel(Protocol):
    """`maite.protocols.image_classification.Model`: images (C, H, W) to scores (classes,), logits or probabilities."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """At least `id`; `index2label` names the classes."""

    def __call__(self, batch: Sequence[Any], /) -> Sequence[Any]:
        """The scores of each image."""


class MaiteDataset(Protocol):
    """`maite.protocols.image_classification.Dataset`: an image (C, H, W), its target (classes,), and metadata."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """At least `id`; `index2label` names the classes."""

    def __getitem__(self, index: int, /) -> tuple[Any, Any, Mapping[str, Any]]: ...
    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class AuditedImage:
    """What was found on an image. `id` is that of its metadata; `label` is None where the target names no class."""

    id: str | int
    label: int | None
    finding: Finding


@dataclass(frozen=True, slots=True)
class MaiteAudit:
    """The findings on a data set. `classifier` and `pictures` are what the controls of `modicum_sis` take."""

    model: str
    dataset: str
    class_names: Mapping[int, str]
    threshold: float
    images: tuple[AuditedImage, ...] = field(repr=False)
    classifier: Classifier = field(repr=False)
    pictures: "Pictures" = field(repr=False)

    @property
    def findings(self) -> list[Finding]:
        """The findings alone, in the order of `pictures`."""
        return [image.finding for image in self.images]

    @property
    def accuracy(self) -> float | None:
        """The share of images with a label that are predicted as it; None without labels."""
        right = [image.finding.predicted_class == image.label for image in self.images if image.label is not None]
        return float(np.mean(right)) if right else None

    @property
    def eligible(self) -> int:
        """How many images are classified with the confidence of the threshold."""
        return sum(finding.eligible for finding in self.findings)

    @property
    def baseline_confident(self) -> int:
        """How many of these are classified so on the bare fill alone. They are in no rate, as in the service."""
        return sum(finding.eligible and finding.baseline_confident for finding in self.findings)

    def overinterpretation_rate(self, alpha: float = 0.05) -> float | None:
        """The share of the other eligible images for which `alpha` of the pixels suffice; None without one.

        It has no interval.
        """
        judged = [one for one in self.findings if one.eligible and not one.baseline_confident]
        small = [one.subset is not None and one.subset.fraction <= alpha for one in judged]
        return float(np.mean(small)) if small else None


class Pictures:
    """The images of a MAITE data set as float32 tensors (C, H, W), loaded when they are asked for."""

    def __init__(
        self,
        dataset: MaiteDataset,
        indices: Sequence[int] | None = None,
        bounds: tuple[float, float] | None = None,
    ) -> None:
        require(dataset, "dataset", "__getitem__", "__len__")
        self._dataset, self._bounds = dataset, bounds
        self._indices = checked_indices(indices, len(dataset))
        self._told: dict[int, tuple[str | int, int | None]] = {}
        self._shape: tuple[int, tuple[int, ...]] | None = None
        self.target_classes = 0
        """The largest number of classes in a target so far."""
        self.are_bytes = True
        """Whether all images that were loaded are of bytes."""

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, place: int, /) -> torch.Tensor:
        index = self._indices[place]
        image, target, metadata = parts_of(self._dataset[index], index)
        scores, values = array_of(target), array_of(image)
        self._told[place] = metadata.get("id", index), label_of(scores, f"dataset[{index}]")
        self.target_classes = max(self.target_classes, scores.size)
        self._check(values, index)
        self.are_bytes = self.are_bytes and values.dtype == np.uint8
        return torch.from_numpy(values.astype(np.float32))

    def _check(self, values: Array, index: int) -> None:
        if values.ndim != IMAGE_AXES or values.dtype.kind not in NUMBERS or not values.size:
            raise InvalidArgument(
                f"dataset[{index}]: expected an image (C, H, W), got an array of {values.shape}, {values.dtype}; "
                "give real numbers or bytes with three axes"
            )
        if values.shape[2] in USUAL_CHANNELS and values.shape[0] not in USUAL_CHANNELS:
            raise InvalidArgument(
                f"dataset[{index}]: expected an image (C, H, W), got {values.shape}, whose channels seem to come last; "
                "give image.transpose(2, 0, 1)"
            )
        first, shape = self._shape = self._shape or (index, values.shape)
        if values.shape != shape:
            raise InvalidArgument(
                f"dataset[{index}]: expected images of one shape, {shape} as dataset[{first}]; got {values.shape}. "
                "Resize them with a MAITE augmentation or in the data set, or give some by indices"
            )
        if self._bounds is not None:
            self._check_bounds(values, index, *self._bounds)

    def _check_bounds(self, values: Array, index: int, low: float, high: float) -> None:
        lowest, highest, slack = values.min(), values.max(), BOUNDS_SLACK * (high - low)
        if lowest < low - slack or highest > high + slack:
            raise InvalidArgument(
                f"dataset[{index}]: expected values from {low:g} to {high:g}, as bounds say; got {lowest:g} to "
                f"{highest:g}. Give bounds=(LOWEST, HIGHEST) of these images, such as (0, 255), or scale the images"
            )

    def told(self, place: int) -> tuple[str | int, int | None]:
        """The id and the label of an image."""
        if place not in self._told:
            self[place]
        return self._told[place]


class _Forward(torch.nn.Module):
    """A MAITE model as a module without parameters and without a gradient."""

    def __init__(self, model: MaiteModel) -> None:
        super().__init__()
        self._held = (model,)  # a module in a tuple is no part of this one: nothing moves, freezes or converts it

    def _given(self, batch: list[Array]) -> object:
        try:
            return self._held[0](batch)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise InvalidArgument(
                f"the model failed on {len(batch)} float32 images of {batch[0].shape} with {type(error).__name__}: "
                f"{error}. Give images of the shape that it takes, and call model([image]) yourself to see the whole "
                "error"
            ) from error

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores (N, classes)."""
        batch = list(images.detach().cpu().numpy())
        expected = f"the model: expected scores (classes,) for each of {len(batch)} images, got"
        given = self._given(batch)
        if isinstance(given, Mapping) or not isinstance(given, Iterable):
            raise InvalidArgument(f"{expected} {type(given).__name__}; give a list with an array for each image")
        scores = [array_of(row) for row in given]
        shapes = {row.shape for row in scores}
        if len(scores) != len(batch) or len(shapes) != 1 or any(len(shape) != 1 for shape in shapes):
            raise InvalidArgument(f"{expected} {len(scores)} of shapes {', '.join(map(str, sorted(shapes))) or 'none'}")
        if any(row.dtype.kind not in NUMBERS for row in scores):
            raise InvalidArgument(f"{expected} scores of {scores[0].dtype}; give real numbers")
        return torch.from_numpy(np.stack(scores)).to(device=images.device, dtype=images.dtype)


def classifier(
    model: MaiteModel, *, bounds: tuple[float, float], fill_mean: float | Sequence[float] | None = None
) -> Classifier:
    """The model as what `modicum_sis` searches. It gets float32 images within the bounds, also fractions of them.

    `bounds` are the lowest and highest value of a picture, such as (0, 1) or (0, 255). A MAITE model does not say them,
    and bounds that are too wide do not fail. `fill_mean` is the colour of the fill `mean`, a value or one for each
    channel. Default: the middle of the bounds.

    Raises:
        InvalidArgument: it is not a MAITE model.
    """
    require(model, "model", "__call__")
    low, high = checked_bounds(bounds)
    return Classifier(_Forward(model), bounds=bounds, fill_mean=(low + high) / 2 if fill_mean is None else fill_mean)


def audit(
    model: MaiteModel,
    dataset: MaiteDataset,
    *,
    bounds: tuple[float, float],
    threshold: float,
    passes: int = DEFAULT_PASSES,
    fill: str = "mean",
    fill_mean: float | Sequence[float] | None = None,
    seed: int = 0,
    indices: Sequence[int] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> MaiteAudit:
    """Search every image for a small sufficient subset, by at most `passes` forward passes each.

    Args:
        model: a MAITE model for image classification.
        dataset: a MAITE data set of images of one shape. Targets are taken as labels where they have one maximum.
        bounds: as for `classifier`.
        threshold: the confidence that suffices, strictly between 0 and 1.
        passes: the budget of an image. Without a gradient, subsets are larger than those of a search that has one.
        fill: what stands where the mask is False; one of `modicum_sis.FILLS` but `marginal`.
        fill_mean: as for `classifier`.
        seed: with an image's values, the source of its random numbers.
        indices: the images to search. Default: all.
        progress: called at every step.

    Raises:
        InvalidArgument: the model or the data set does not follow MAITE's protocol.
        modicum_sis.SisError: another argument is not valid, or the model cannot be searched.
    """
    wrapped = classifier(model, bounds=bounds, fill_mean=fill_mean)
    pictures = Pictures(dataset, indices, checked_bounds(bounds))
    names = checked_names(model, dataset)
    if fill == "marginal":
        raise InvalidArgument(
            "fill: expected one of mean, black, white, noise, blur; got marginal, which needs other images, and this "
            "call takes none"
        )
    _check_target(pictures, wrapped)
    search = MaskOptimization(passes=passes)
    found = find_subsets(wrapped, pictures, threshold=threshold, search=search, fill=fill, seed=seed, progress=progress)
    images = tuple(AuditedImage(*pictures.told(finding.index), finding) for finding in found)
    return MaiteAudit(
        model=str(model.metadata["id"]),
        dataset=str(dataset.metadata["id"]),
        class_names=names,
        threshold=threshold,
        images=images,
        classifier=wrapped,
        pictures=pictures,
    )


def write_npz(dataset: MaiteDataset, path: str | Path, *, indices: Sequence[int] | None = None) -> Path:
    """Write a data set as an `.npz` that `client.datasets.upload` takes: images, and labels by their names.

    Bytes stay bytes, and all else becomes float32. Images must have one shape. All are held in memory. Returns the path
    of the file, whose name ends with `.npz`.

    Raises:
        InvalidArgument: it is not a MAITE data set, or its images differ in shape, or only some have a label.
    """
    pictures = Pictures(dataset, indices)
    names_of(dataset, "dataset")
    images, labels = [], []
    for place in range(len(pictures)):
        images.append(pictures[place].numpy().transpose(1, 2, 0))
        labels.append(pictures.told(place)[1])
    stacked = np.stack(images)
    named: dict[str, Any] = {"images": stacked.astype(np.uint8) if pictures.are_bytes else stacked}
    if any(label is not None for label in labels):
        if None in labels:
            raise InvalidArgument("dataset: expected a label for every image, or for none")
        named["labels"] = np.array(labels)
        named |= _classes(dataset, max(label for label in labels if label is not None))
    written = Path(path) if str(path).endswith(".npz") else Path(f"{path}.npz")
    np.savez_compressed(written, **named)
    return written


def _classes(dataset: MaiteDataset, highest: int) -> dict[str, Any]:
    names = names_of(dataset, "dataset")
    if not names:
        return {}
    count = max(highest, *names) + 1
    return {"classes": np.array([str(names.get(number, number)) for number in range(count)])}


def _check_target(pictures: Pictures, classifier: Classifier) -> None:
    """Refuse a data set whose targets have classes that the model lacks.

    Raises:
        InvalidArgument
    """
    channels, height, width = pictures[0].shape
    known = classifier.inspect((channels, height, width)).class_count
    if pictures.target_classes > known:
        raise InvalidArgument(
            f"dataset: its targets have {pictures.target_classes} classes, but the model gives {known} scores; give a "
            "data set with the classes of the model"
        )
