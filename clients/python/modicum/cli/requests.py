"""What a user asked for, checked as far as possible on this machine before anything is sent."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modicum.cli.given_files import refuse_absent_model_files
from modicum.cli.options import (
    ControlOptions,
    MethodOptions,
    ModelOptions,
    RunOptions,
    SearchOptions,
)
from modicum.errors import InvalidArgument
from modicum.gate.fills import Fill
from modicum.gate.search_passes import backselect_passes
from modicum.resource_names import checked_id, printable, suggested_id
from modicum.searches import (
    FEWEST_CONTROL_PASSES,
    INT32_MAX,
    INT64_MAX,
    Control,
    ControlPlan,
    Search,
    SearchMethod,
    TargetRule,
    control_plan,
)
from modicum.sources.images import Found, Image
from modicum.sources.inputs import InputSpecification
from modicum.sources.label_names import found_with_names
from modicum.sources.model_files import ModelFile, model_file
from modicum.sources.npy import PICTURE_CHANNELS
from modicum.sources.served_models import ServedModel, served_model
from modicum.statistics import Statistics

#: Passes that backselect may spend on one image. Exact backselect reaches it at 66 x 66 pixels, after hours on a CPU.
MOST_BACKSELECT_PASSES = 10_000_000
#: The smallest budget of mask_optimization. It is the server's rule; a test compares the two.
FEWEST_PASSES = 10
DEVICES = ("auto", "cpu", "cuda")
#: Options that only one method takes.
METHOD_OF_OPTION = {
    "passes": SearchMethod.MASK_OPTIMIZATION,
    "pixels_per_step": SearchMethod.BATCHED_GRADIENT,
    "fraction": SearchMethod.BACKSELECT,
}


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A model to register.

    `input_from` says who named the input: an option, or a file beside the model. `labels_from` is the option with the
    names of the classes, or empty.
    """

    name: str
    file: ModelFile | ServedModel
    input: InputSpecification
    input_from: str
    labels: tuple[str, ...]
    labels_from: str = ""

    @property
    def told(self) -> str:
        """The model in a line: its file and architecture, or its endpoint."""
        if isinstance(self.file, ServedModel):
            return f"{self.file}, served elsewhere"
        return f"{self.file} {self.file.architecture}".rstrip()

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `client.models.register`."""
        if isinstance(self.file, ServedModel):
            return {"endpoint": self.file.endpoint, "input": self.input, "class_labels": self.labels or None}
        if self.file.folder:
            return {"model": self.file.path, "input": self.input, "class_labels": self.labels or None}
        return {
            self.file.kind: self.file.path,
            "architecture": self.file.architecture or None,
            "input": self.input,
            "class_labels": self.labels or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """The searches and controls of an audit. `controls` is None for the server's default controls."""

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
    pixel_subsets: int | None
    pixel_subsets_method: SearchMethod | None
    matched: bool
    statistics: Statistics

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `client.audits.create`."""
        named = {name: getattr(self, name) for name in self.__slots__ if name != "statistics"}
        return {**named, **asdict(self.statistics)}


def model_request(name: str | None, options: ModelOptions) -> ModelRequest:
    """The model that the options describe, named after its file unless `name` is given.

    Raises:
        InvalidArgument: an option is missing, superfluous or invalid.
        InvalidSource: a file is not what was expected.
    """
    refuse_absent_model_files(options)
    ways = {name: getattr(options, name) for name in ("model", "weights", "exported", "torchscript", "architecture")}
    file = model_file(**ways) if options.endpoint is None else served_model(options.endpoint, **ways)
    named = checked_id(name, "model") if name else suggested_id(file.name)
    given = options.input_name
    names = options.class_labels
    return ModelRequest(
        name=named,
        file=file,
        input=file.input(given),
        input_from=_input_from(file, given),
        labels=file.labels(names),
        labels_from="" if names is None else f"--class-labels {printable(str(names))}",
    )


def _input_from(file: ModelFile | ServedModel, given: str | None) -> str:
    if given is None and isinstance(file, ModelFile) and file.folder is not None:
        return f"{file.folder.input_file} of {printable(str(file))}"
    return f"--input {printable(str(given))}"


def search_request(
    search: SearchOptions,
    method: MethodOptions,
    controls: ControlOptions,
    run: RunOptions,
    *,
    statistics: Statistics,
    matched: bool = False,
) -> SearchRequest:
    """The searches and controls that the options describe.

    Raises:
        InvalidArgument: an option is invalid, or two contradict each other.
    """
    if run.device not in DEVICES:
        raise InvalidArgument(f"--device: expected one of {', '.join(DEVICES)}, got {run.device!r}")
    for threshold in search.threshold:
        Search(threshold=threshold, fraction=method.fraction)
    _check_numbers(search, method, run)
    return SearchRequest(
        thresholds=tuple(search.threshold),
        method=method.method,
        passes=search.passes,
        pixels_per_step=method.pixels_per_step,
        fraction=method.fraction,
        fill=search.fill,
        target_rules=tuple(dict.fromkeys(method.target_rule)),
        seed=search.seed,
        sample=run.sample,
        device=run.device,
        controls=_control_plans(controls),
        pixel_subsets=_pixel_subsets(controls),
        pixel_subsets_method=controls.pixel_subsets_method,
        matched=matched,
        statistics=statistics,
    )


def _check_numbers(search: SearchOptions, method: MethodOptions, run: RunOptions) -> None:
    """Refuse what the server would refuse too, but only after the upload of gigabytes."""
    check_range("--seed", search.seed, INT64_MAX)
    check_range("--sample", run.sample, INT32_MAX)
    check_range("--passes", search.passes, INT64_MAX, least=FEWEST_PASSES)
    check_range("--pixels-per-step", method.pixels_per_step, INT32_MAX)
    given = {"passes": search.passes, "pixels_per_step": method.pixels_per_step, "fraction": method.fraction}
    for name, owner in METHOD_OF_OPTION.items():
        if given[name] and method.method is not owner:
            option = f"--{name.replace('_', '-')}"
            raise InvalidArgument(
                f"{option} belongs to --method {owner}, but the method is {method.method}; remove {option} or change "
                "--method"
            )


def check_range(option: str, number: int, most: int, *, least: int = 0) -> None:
    """Refuse a number that is neither 0 nor from `least` to `most`.

    Raises:
        InvalidArgument: names the option, what was expected and what came.
    """
    if number == 0 or least <= number <= most:
        return
    expected = f"0 (the server chooses) or {least} to {most:,}" if least else f"a whole number from 0 to {most:,}"
    raise InvalidArgument(f"{option}: expected {expected}, got {number}")


def _control_plans(options: ControlOptions) -> tuple[ControlPlan, ...] | None:
    if options.control and options.no_controls:
        raise InvalidArgument("--control and --no-controls exclude each other; remove one of them")
    if options.no_controls:
        return ()
    return tuple(map(control_plan, options.control)) if options.control else None


def _pixel_subsets(options: ControlOptions) -> int | None:
    passes, method = options.pixel_subsets, options.pixel_subsets_method
    if passes is not None:
        check_range("--pixel-subsets", passes, INT64_MAX, least=FEWEST_CONTROL_PASSES[Control.PIXEL_SUBSETS])
    elif method is not None:
        raise InvalidArgument("--pixel-subsets-method: needs --pixel-subsets PASSES, which runs the control")
    if method is SearchMethod.BACKSELECT:
        raise InvalidArgument(
            "--pixel-subsets-method: expected mask_optimization or batched_gradient; backselect would take hours"
        )
    return passes


def refuse_slow_backselect(search: SearchRequest, input_: InputSpecification) -> None:
    """Refuse a backselect that would run for days.

    Raises:
        InvalidArgument: an image would cost more than MOST_BACKSELECT_PASSES; says how many, and what to do.
    """
    if search.method is not SearchMethod.BACKSELECT:
        return
    passes = backselect_passes(input_.height * input_.width, search.fraction, most=MOST_BACKSELECT_PASSES)
    if passes > MOST_BACKSELECT_PASSES:
        cost = f"{passes:,} passes per image" if search.fraction == 0 else "more"
        raise InvalidArgument(
            f"backselect takes at most {MOST_BACKSELECT_PASSES:,} passes per image; at {input_.height} x "
            f"{input_.width} pixels with a fraction of {search.fraction:g} it would take {cost}: remove more pixels in "
            "each step, for example with a fraction of 0.05, or use the method mask_optimization"
        )


def refuse_wrong_channels(images: Sequence[Image], input_: InputSpecification) -> None:
    """Refuse images none of which has the input's channels. A single unfit image becomes a finding with a reason.

    Raises:
        InvalidArgument: names the first image, and --input.
    """
    for_pictures = input_.channels in PICTURE_CHANNELS
    if any(for_pictures if one.channels is None else one.channels == input_.channels for one in images):
        return
    first = images[0]
    came = "is not a readable array" if first.channels is None else f"has {first.channels} channels"
    raise InvalidArgument(
        f"expected images of {input_.channels} channels, as --input says, but {printable(first.item)} {came}: "
        "give an --input FILE.toml with the right `channels`, or arrays of shape (H, W, C)"
    )


def checked_images(
    photos: Path, labels: Path | None, names: Path | None, *, sample: int, sample_is: str = "--sample"
) -> Found:
    """The images to audit, and the files that are skipped. `names` is a file with names for their labels.

    `sample_is` is what messages call the sample.

    Raises:
        InvalidSource: there are no images, or the labels or their names do not fit them.
        InvalidArgument: the sample is larger than the number of images.
    """
    found = found_with_names(photos, labels, names)
    if sample > len(found.images):
        raise InvalidArgument(
            f"{sample_is}: expected at most {len(found.images)}, the number of images in {photos}; got {sample}: lower "
            "it, or remove it, to audit all images"
        )
    return found
