"""What a user asked an audit to do, checked as far as this machine can before a server hears of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modicum.errors import InvalidArgument
from modicum.naming import checked_id, printable, suggested_id
from modicum.searches import (
    FEWEST_CONTROL_PASSES,
    Control,
    ControlPlan,
    Fill,
    Search,
    SearchMethod,
    TargetRule,
    control_plan,
)
from modicum.sources.inputs import InputSpecification, input_specification
from modicum.sources.labels import class_labels
from modicum.sources.model_files import ModelFile, model_file
from modicum.sources.npy import PICTURE_CHANNELS
from modicum.sources.pictures import Picture, pictures
from modicum.statistics import Statistics

DEFAULT_THRESHOLD = 0.9
#: Passes that backselect may spend on one image: exact to 64 x 64 pixels, and there for hours on a CPU.
MOST_BACKSELECT_PASSES = 10_000_000
#: Of mask_optimization's budget, as the server's rule has it; a test compares the two.
FEWEST_PASSES = 10
DEVICES = ("auto", "cpu", "cuda")
#: Options that only one method takes.
OWNERS = {
    "passes": SearchMethod.MASK_OPTIMIZATION,
    "pixels_per_step": SearchMethod.BATCHED_GRADIENT,
    "fraction": SearchMethod.BACKSELECT,
}


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """A model to register."""

    name: str
    file: ModelFile
    input: InputSpecification
    labels: tuple[str, ...]

    @property
    def arguments(self) -> dict[str, Any]:
        """As `register` takes them."""
        return {
            self.file.kind: self.file.path,
            "architecture": self.file.architecture or None,
            "input": self.input,
            "labels": self.labels or None,
        }


@dataclass(frozen=True, slots=True)
class SearchOrder:
    """Searches and controls, with what they share. `controls` is None for the server's default ones."""

    thresholds: tuple[float, ...]
    method: SearchMethod
    passes: int
    pixels_per_step: int
    fraction: float
    fill: Fill
    target_rules: tuple[TargetRule, ...]
    seed: int
    sample: int
    device: str
    controls: tuple[ControlPlan, ...] | None
    matched: bool = False
    pixel_subsets: int | None = None
    statistics: Statistics = Statistics()  # noqa: RUF009  # frozen, so one may stand for all

    @property
    def arguments(self) -> dict[str, Any]:
        """As `create` takes them."""
        named = {name: getattr(self, name) for name in self.__slots__ if name != "statistics"}
        return {**named, **asdict(self.statistics)}


def model_order(
    name: str | None,
    *,
    weights: Path | None,
    exported: Path | None,
    torchscript: Path | None,
    architecture: str | None,
    input_name: str,
    labels: Path | None,
) -> ModelOrder:
    """The model that the options describe; named after its file unless told.

    Raises:
        InvalidArgument: an option is missing, too many, or not valid.
        InvalidSource: a file is not what was expected.
    """
    file = model_file(weights=weights, exported=exported, torchscript=torchscript, architecture=architecture)
    named = checked_id(name, "model") if name else suggested_id(file.path.stem)
    return ModelOrder(named, file, input_specification(input_name), class_labels(labels))


def search_order(
    thresholds: Sequence[float] | None,
    *,
    controls: Sequence[str] | None,
    no_controls: bool,
    device: str,
    target_rules: Sequence[TargetRule] | None = None,
    **numbers: Any,
) -> SearchOrder:
    """The searches that the options describe; `numbers` are the other fields of a `SearchOrder`.

    Raises:
        InvalidArgument: an option is not valid.
    """
    chosen = tuple(thresholds or (DEFAULT_THRESHOLD,))
    if device not in DEVICES:
        raise InvalidArgument(f"--device is one of {', '.join(DEVICES)}, not {device!r}")
    if controls and no_controls:
        raise InvalidArgument("--control and --no-controls exclude each other")
    plans = tuple(control_plan(control) for control in controls) if controls else () if no_controls else None
    for threshold in chosen:
        Search(threshold=threshold, fraction=numbers["fraction"])
    _check_numbers(numbers)
    _check_descent(numbers.get("pixel_subsets"))
    rules = tuple(dict.fromkeys(target_rules or (TargetRule.PREDICTED,)))
    return SearchOrder(thresholds=chosen, controls=plans, device=device, target_rules=rules, **numbers)


def _check_numbers(numbers: Mapping[str, Any]) -> None:
    """Refuse those of another method, and too small a budget: the server would, but only after gigabytes were sent."""
    method = numbers["method"]
    for name, owner in OWNERS.items():
        if numbers[name] and method is not owner:
            raise InvalidArgument(f"--{name.replace('_', '-')} belongs to --method {owner}, not to {method}")
    if 0 < numbers["passes"] < FEWEST_PASSES:
        raise InvalidArgument(
            f"--passes: expected at least {FEWEST_PASSES}, or 0, which leaves it to the server; got {numbers['passes']}"
        )


def _check_descent(passes: int | None) -> None:
    """Refuse a budget in which there is no descent, for the same reason."""
    fewest = FEWEST_CONTROL_PASSES[Control.PIXEL_SUBSETS]
    if passes and passes < fewest:
        raise InvalidArgument(
            f"--pixel-subsets: expected at least {fewest}, or 0, which leaves it to the server; got {passes}"
        )


def refuse_endless(search: SearchOrder, input_: InputSpecification) -> None:
    """Refuse a backselect that no one would see end.

    Raises:
        InvalidArgument: an image would cost more than MOST_BACKSELECT_PASSES; says how many, and the way out.
    """
    if search.method is not SearchMethod.BACKSELECT:
        return
    passes = backselect_passes(input_.height * input_.width, search.fraction)
    if passes > MOST_BACKSELECT_PASSES:
        cost = f"{passes:,} passes an image" if search.fraction == 0 else "more"
        raise InvalidArgument(
            f"backselect takes at most {MOST_BACKSELECT_PASSES:,} passes an image; at {input_.height} x {input_.width} "
            f"with --fraction {search.fraction:g} it would take {cost}: remove more pixels a step, e.g. --fraction "
            "0.05, or use --method mask_optimization"
        )


def backselect_passes(pixels: int, fraction: float) -> int:
    """Passes of backselect on one image: p(p+1)/2, or with a fraction what is left, once a step, until too many."""
    if fraction == 0:
        return pixels * (pixels + 1) // 2
    passes = 0
    while pixels and passes <= MOST_BACKSELECT_PASSES:
        passes += pixels
        pixels -= max(1, math.ceil(fraction * pixels))
    return passes


def refuse_nameless_labels(pictures: Sequence[Picture], model: ModelOrder) -> None:
    """Refuse labels that are names where the model's classes have none.

    Raises:
        InvalidArgument: names the first of them, and --labels.
    """
    named = next((picture for picture in pictures if picture.label and not _is_index(picture.label)), None)
    if named and not model.labels:
        raise InvalidArgument(
            f"{printable(named.item)} has the label {printable(named.label)!r}, but the model's classes have no names: "
            "give them with --labels FILE, one a line in the order of the outputs"
        )


def refuse_other_channels(pictures: Sequence[Picture], input_: InputSpecification) -> None:
    """Refuse pictures and arrays of which none has the input's channels; single ones become findings with a reason.

    Raises:
        InvalidArgument: names the first of them, and --input.
    """
    for_pictures = input_.channels in PICTURE_CHANNELS
    if any(for_pictures if one.channels is None else one.channels == input_.channels for one in pictures):
        return
    first = pictures[0]
    has = "is no array that can be read" if first.channels is None else f"has {first.channels}"
    raise InvalidArgument(
        f"expected images of {input_.channels} channels, as --input says; {printable(first.item)} {has}. "
        "Give an --input FILE.toml with their `channels`, or arrays (H, W, C), channels last"
    )


def _is_index(label: str) -> bool:
    return label.isascii() and label.isdigit()


def checked_pictures(photos: Path, labels: Path | None, *, sample: int) -> list[Picture]:
    """The pictures to audit.

    Raises:
        InvalidSource: there is none, or the labels do not fit.
        InvalidArgument: the sample is larger than what there is.
    """
    found = pictures(photos, labels)
    if sample > len(found):
        raise InvalidArgument(f"--sample {sample}: expected at most the {len(found)} pictures of {photos}")
    return found
