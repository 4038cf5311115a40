"""Models and data sets of MAITE (the protocols of the package `maite`) searched in this process, by forward passes.

A MAITE model is a function from images to class scores, `model([image, ...]) -> [scores, ...]`. Its protocol gives no
torch module, no gradient and no weights, so it cannot be sent to a server. It runs here, as the caller runs it. A MAITE
data set is pictures and labels: `write_npz` writes what `client.datasets.upload` takes, for models that a server has.

Needs torch and `modicum_sis`, and not `maite` itself: whatever has the form of its protocols is taken.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from modicum.errors import InvalidArgument

try:
    import torch
    from modicum_sis import Classifier, Finding, MaskOptimization, Progress, find_subsets
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
    images: tuple[AuditedImage, ...]
    classifier: Classifier
    pictures: "Pictures"

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

    def __init__(self, dataset: MaiteDataset, indices: Sequence[int] | None = None) -> None:
        _require(dataset, "dataset", "__getitem__", "__len__")
        self._dataset = dataset
        self._indices = range(len(dataset)) if indices is None else [int(index) for index in indices]
        self._told: dict[int, tuple[str | int, int | None]] = {}
        self.are_bytes = True
        """Whether all images that were loaded are of bytes."""

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, place: int, /) -> torch.Tensor:
        index = self._indices[place]
        image, target, metadata = self._dataset[index]
        self._told[place] = metadata.get("id", index), _label(_array(target))
        values = _array(image)
        self.are_bytes = self.are_bytes and values.dtype == np.uint8
        if values.ndim != IMAGE_AXES:
            raise InvalidArgument(f"dataset[{index}]: expected an image (C, H, W), got an array of {values.shape}")
        if values.shape[2] in USUAL_CHANNELS and values.shape[0] not in USUAL_CHANNELS:
            raise InvalidArgument(
                f"dataset[{index}]: expected an image (C, H, W), got {values.shape}, whose channels seem to come last; "
                "give image.transpose(2, 0, 1)"
            )
        return torch.from_numpy(values.astype(np.float32))

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

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores (N, classes)."""
        batch = list(images.detach().cpu().numpy())
        scores = [_array(row) for row in self._held[0](batch)]
        shapes = {row.shape for row in scores}
        if len(scores) != len(batch) or len(shapes) != 1 or any(len(shape) != 1 for shape in shapes):
            raise InvalidArgument(
                f"the model: expected scores (classes,) for each of {len(batch)} images, got {len(scores)} of shapes "
                f"{', '.join(map(str, sorted(shapes))) or 'none'}"
            )
        return torch.from_numpy(np.stack(scores)).to(device=images.device, dtype=images.dtype)


def classifier(
    model: MaiteModel, *, bounds: tuple[float, float], fill_mean: float | Sequence[float] | None = None
) -> Classifier:
    """The model as what `modicum_sis` searches. It gets float32 images within the bounds, also fractions of them.

    `bounds` are the lowest and highest value of a picture, such as (0, 1) or (0, 255). A MAITE model does not say them,
    and wrong ones do not fail. `fill_mean` is the colour of the fill `mean`, a value or one for each channel. Default:
    the middle of the bounds.

    Raises:
        InvalidArgument: it is not a MAITE model.
    """
    _require(model, "model", "__call__")
    grey = sum(bounds) / 2 if fill_mean is None else fill_mean
    return Classifier(_Forward(model), bounds=bounds, fill_mean=grey)


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
    wrapped, pictures = classifier(model, bounds=bounds, fill_mean=fill_mean), Pictures(dataset, indices)
    search = MaskOptimization(passes=passes)
    found = find_subsets(wrapped, pictures, threshold=threshold, search=search, fill=fill, seed=seed, progress=progress)
    images = tuple(AuditedImage(*pictures.told(finding.index), finding) for finding in found)
    return MaiteAudit(
        model=str(model.metadata["id"]),
        dataset=str(dataset.metadata["id"]),
        class_names=dict(model.metadata.get("index2label") or dataset.metadata.get("index2label") or {}),
        threshold=threshold,
        images=images,
        classifier=wrapped,
        pictures=pictures,
    )


def write_npz(dataset: MaiteDataset, path: str | Path, *, indices: Sequence[int] | None = None) -> Path:
    """Write a data set as an `.npz` that `client.datasets.upload` takes: images, and labels by their names.

    Bytes stay bytes, and all else becomes float32. Images must have one shape. All are held in memory.

    Raises:
        InvalidArgument: it is not a MAITE data set, or its images differ in shape, or only some have a label.
    """
    pictures = Pictures(dataset, indices)
    images, labels = [], []
    for place in range(len(pictures)):
        images.append(pictures[place].numpy().transpose(1, 2, 0))
        labels.append(pictures.told(place)[1])
    if len({image.shape for image in images}) != 1:
        raise InvalidArgument("dataset: expected images of one shape; resize them, or give some by indices")
    stacked = np.stack(images)
    named: dict[str, Any] = {"images": stacked.astype(np.uint8) if pictures.are_bytes else stacked}
    if any(label is not None for label in labels):
        if None in labels:
            raise InvalidArgument("dataset: expected a label for every image, or for none")
        named["labels"] = np.array(labels)
        named |= _classes(dataset, max(label for label in labels if label is not None))
    np.savez_compressed(path, **named)
    return Path(path)


def _classes(dataset: MaiteDataset, highest: int) -> dict[str, Any]:
    names = dataset.metadata.get("index2label")
    if not names:
        return {}
    count = max(highest, *names) + 1
    return {"classes": np.array([str(names.get(number, number)) for number in range(count)])}


def _label(target: Array) -> int | None:
    """The class that a target names: its only maximum."""
    if target.ndim != 1 or not target.size or np.count_nonzero(target == target.max()) != 1:
        return None
    return int(target.argmax())


def _array(value: Any) -> Array:
    """Anything that MAITE calls an array, also a tensor with a gradient or on another device."""
    return np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)


def _require(value: Any, name: str, *methods: str) -> None:
    """Refuse what has not the form of MAITE's protocol.

    Raises:
        InvalidArgument
    """
    missing = [method for method in methods if not callable(getattr(value, method, None))]
    metadata = getattr(value, "metadata", None)
    if not isinstance(metadata, Mapping) or "id" not in metadata:
        missing.append("metadata with an id")
    if missing:
        raise InvalidArgument(
            f"{name}: expected a {name} of MAITE's image classification; {type(value).__name__} lacks "
            f"{' and '.join(missing)}"
        )
