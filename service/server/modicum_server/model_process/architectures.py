"""Architectures by name, `GROUP:NAME`. A group is an entry point that builds modules without weights.

To add architectures, an operator installs a package with an entry point in the group `modicum.architectures`: a
callable `build(name, class_count) -> torch.nn.Module` that raises `ArchitectureUnknown` for an unknown name. Class
count and channels come from the weights, so a head of any size can be loaded, and a first convolution for any number of
channels; `build` makes one for RGB. When the architectures are built for images of one size, as vision transformers
are, `build` takes a third argument, `size`. `build_timm` also takes `configuration`, a mapping of plain values; the API
accepts none for the groups of other packages.
"""

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any, Protocol

import torch
from modicum_sis.numerics.out_of_memory import is_out_of_memory
from torch import Tensor, nn

from modicum_server.domain.buildable import unknown_family, unknown_name
from modicum_server.model_process.builders import BuilderFailed, builder_failure, loading_failure, require_module
from modicum_server.model_process.failure_reasons import (
    ModelRefused,
    TaskFailure,
    extra_of,
    first_line,
    package_missing,
)
from modicum_server.model_process.weights import common_prefix

ENTRY_POINTS = "modicum.architectures"
BUILT_CHANNELS = 3
"""Channels of the images that a built module takes."""
OF_FOLDERS = "transformers"
"""A family that has no entry point, because only a folder of Hugging Face names it."""
PROBE_CLASS_COUNTS = (7, 11)
"""An architecture is built with both class counts: the tensors whose shapes differ belong to the head."""
Size = tuple[int, int]
"""Height and width of the images that a module is built for."""
TORCHVISION_SIZE = (224, 224)
"""The size for which torchvision builds vision transformers by default."""


class ArchitectureUnknown(LookupError):
    """A group does not have the name; `known` are the names that it has, or some of them if not `complete`.

    The server refuses each name that is missing in a complete list, before anything is uploaded.
    """

    def __init__(self, name: str, known: Sequence[str], *, complete: bool = True) -> None:
        super().__init__(name)
        self.name, self.known, self.complete = name, tuple(known), complete


class Build(Protocol):
    """An entry point."""

    def __call__(self, name: str, class_count: int) -> nn.Module:
        """Build the module with random or uninitialised weights; raises ArchitectureUnknown."""
        ...


def build_architecture(
    architecture: str, class_count: int, size: Size | None = None, configuration: Mapping[str, Any] | None = None
) -> nn.Module:
    """Build `GROUP:NAME` with a head for this many classes, and for images of (H, W) where its size is fixed.

    `configuration` is what it is built from beside its name, for groups that take one.

    Raises:
        ModelRefused: ARCHITECTURE_UNKNOWN, with close matches; INPUT_REFUSED when it cannot be built for this size;
            CONFIGURATION_REFUSED when it cannot be built from this configuration.
        BuilderFailed: the group's package raised another error, or built something else than a module.
        TaskFailure: ARCHITECTURE_UNAVAILABLE when a package is not installed here.
    """
    group, _, name = architecture.partition(":")
    build = _group(group, architecture)
    if configuration:
        build = _configured(build, architecture, configuration)
    try:
        if size is None or "size" not in inspect.signature(build).parameters:
            return require_module(build(name, class_count), architecture)
        return require_module(_build_for_size(build, architecture, class_count, size), architecture)
    except TaskFailure:
        raise
    except ArchitectureUnknown as error:
        raise _unknown(group, name, error.known) from error
    except ImportError as error:  # a group imports its packages when it is needed
        raise _unavailable(group, error) from error
    except Exception as error:
        raise builder_failure(architecture, error) from error


def _configured(build: Callable[..., nn.Module], architecture: str, configuration: Mapping[str, Any]) -> Build:
    """The build with its configuration filled in. A configuration that does not fit is refused at each call."""
    if "configuration" not in inspect.signature(build).parameters:
        raise ModelRefused("CONFIGURATION_REFUSED", f"{architecture} takes no configuration; register it without one")
    return functools.partial(build, configuration=configuration)


def _build_for_size(build: Callable[..., nn.Module], architecture: str, class_count: int, size: Size) -> nn.Module:
    try:
        return build(architecture.partition(":")[2], class_count, size=size)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        raise ModelRefused(
            "INPUT_REFUSED",
            f"{architecture} cannot be built for an input of {size[0]} x {size[1]} pixels"
            f"{first_line(error)}. Declare the size that the model was trained on",
        ) from error


def take_channels(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give the RGB convolutions of a built module as many input channels as their weights have.

    The weights themselves are loaded later. A convolution is unchanged where its weights are missing or differ in
    anything else.
    """
    for name, convolution in module.named_modules():
        if isinstance(convolution, nn.Conv2d) and convolution.in_channels == BUILT_CHANNELS and convolution.groups == 1:
            given, built = _given(weights, f"{name}.weight"), convolution.weight
            if given is not None and _differs_in_channels_alone(given, built):
                convolution.in_channels = int(given.shape[1])
                convolution.weight = nn.Parameter(built.new_zeros(given.shape))


def _differs_in_channels_alone(given: Tensor, built: Tensor) -> bool:
    return given.dim() == built.dim() and (given.shape[0], given.shape[2:]) == (built.shape[0], built.shape[2:])


def _given(weights: Mapping[str, Tensor], key: str) -> Tensor | None:
    """Return the tensor of that key, also from weights that were saved from a wrapper of the module."""
    return weights.get(key, weights.get(common_prefix(weights.keys()) + key))


def class_count_of(
    architecture: str, weights: Mapping[str, Tensor], configuration: Mapping[str, Any] | None = None
) -> int:
    """Return the class count of the weights: the rows of the tensors whose shape depends on it.

    When the weights have none of these tensors, they belong to another architecture. Then 1000 is as good as any
    number: the comparison of keys that follows reports the mistake.
    """
    few, many = (_shapes(architecture, count, configuration) for count in PROBE_CLASS_COUNTS)
    for key, shape in few.items():
        given = _given(weights, key)
        if shape != many.get(key) and shape[0] == PROBE_CLASS_COUNTS[0] and given is not None and given.dim():
            return int(given.shape[0])
    return 1000


def _shapes(
    architecture: str, class_count: int, configuration: Mapping[str, Any] | None = None
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all tensors. They are built on the meta device, which needs no memory, where that works."""
    try:
        with torch.device("meta"):
            module = build_architecture(architecture, class_count, configuration=configuration)
    except BuilderFailed:  # some architectures compute with values while they are built
        module = build_architecture(architecture, class_count, configuration=configuration)
    return {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}


def _group(group: str, architecture: str) -> Build:
    points = {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}
    if group not in points:
        raise ModelRefused("ARCHITECTURE_UNKNOWN", unknown_family(architecture, {*points, OF_FOLDERS}))
    try:
        build: Build = points[group].load()
    except Exception as error:
        raise error if is_out_of_memory(error) else loading_failure(points[group], error) from error
    return build


def _unknown(group: str, name: str, known: Sequence[str]) -> ModelRefused:
    return ModelRefused("ARCHITECTURE_UNKNOWN", unknown_name(group, name, known))


def _unavailable(group: str, error: ImportError) -> TaskFailure:
    return package_missing(f"architectures {group}:NAME", error, usual=group, extra=extra_of(group))


def build_torchvision(name: str, class_count: int, size: Size = TORCHVISION_SIZE) -> nn.Module:
    """Entry point `torchvision`: the classification models of torchvision; vision transformers for square images."""
    from torchvision import models  # noqa: PLC0415 - seconds of imports that other architectures do not need

    known = models.list_models(module=models)
    if name not in known:
        raise ArchitectureUnknown(name, known)
    # these two spend seconds on random weights that are overwritten, and warn about it
    options: dict[str, Any] = {"init_weights": False} if name in {"googlenet", "inception_v3"} else {}
    if name.startswith("vit_") and size[0] == size[1]:
        options["image_size"] = size[0]
    module: nn.Module = models.get_model(name, weights=None, num_classes=class_count, **options)
    return module


def build_timm(
    name: str, class_count: int, size: Size | None = None, configuration: Mapping[str, Any] | None = None
) -> nn.Module:
    """Entry point `timm`: the models of timm, by the names of its own registry only (nothing is downloaded).

    `configuration` are arguments of the model, as timm writes them into `model_args` of a config.json.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm warns about its own old module names
        import timm  # noqa: PLC0415  as above

        known = timm.list_models()
        if name not in known:
            raise ArchitectureUnknown(name, known)
        own = timm.get_pretrained_cfg(name, allow_unregistered=True)
        resized = own is not None and own.fixed_input_size and size not in {None, tuple(own.input_size[1:])}
        options: dict[str, Any] = {"img_size": size} if resized else {}
        options |= dict(configuration or {}) | {"pretrained": False, "num_classes": class_count}
        create = functools.partial(timm.create_model, name, **options)
        module: nn.Module = create() if configuration is None else _configured_timm(create, name)
    return module


def _configured_timm(create: Callable[[], nn.Module], name: str) -> nn.Module:
    try:
        return create()
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ModelRefused(
            "CONFIGURATION_REFUSED",
            f"timm cannot build {name} from the model_args of its config.json{first_line(error)}. Save the model "
            "again, or use a worker with the release of timm that saved it",
        ) from error


def build_efficientnet_lite(name: str, class_count: int) -> nn.Module:
    """Entry point `efficientnet_lite`: lite0, lite1, lite2 of the package efficientnet_lite_pytorch."""
    from efficientnet_lite_pytorch import EfficientNet  # type: ignore[import-untyped]  # noqa: PLC0415  an extra

    known = ("lite0", "lite1", "lite2")
    if name not in known:
        raise ArchitectureUnknown(name, known)
    module: nn.Module = EfficientNet.from_name(f"efficientnet-{name}", num_classes=class_count)
    return module
