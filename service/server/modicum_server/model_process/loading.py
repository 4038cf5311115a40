"""Loads a version of the task as a classifier that can be audited, and keeps it between the tasks of a slot."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from modicum.sources.configurations import ConfigurationRefused, read_configuration
from modicum_sis import Classifier
from modicum_sis.numerics.out_of_memory import is_out_of_memory
from torch import nn
from torch.export.passes import move_to_device_pass

from modicum_server.domain.models import (
    Endpoint,
    Ensemble,
    Executable,
    ExecutableKind,
    InputDropout,
    InputSpecification,
    ModelVersion,
    OutputKind,
    Weights,
)
from modicum_server.model_process import endpoint_models, onnx_models, transformers_models
from modicum_server.model_process.architectures import build_architecture, class_count_of, take_channels
from modicum_server.model_process.composites import EnsembleModule, InputDropoutModule, TemperedModule, mask_bank
from modicum_server.model_process.donors import DonorPool
from modicum_server.model_process.failure_reasons import ModelRefused, TaskFailure, first_line
from modicum_server.model_process.slot import Slot
from modicum_server.model_process.weights import fit_weights, read_weights

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded version. `input` is its own specification, or that of its first part; `donors` are scored by it.

    `probabilities_by`: the operator at the end of a network in ONNX that makes probabilities; empty if none does.
    """

    classifier: Classifier
    input: InputSpecification
    donors: DonorPool = field(default_factory=DonorPool)
    probabilities_by: str = ""


@dataclass(slots=True)
class ModelCache:
    """Keeps the last loaded version: most tasks of a slot need the same one, and memory holds few."""

    _kept: dict[tuple[str, str], Loaded] = field(default_factory=dict)

    def load(
        self, slot: Slot, version: ModelVersion, parts: Mapping[str, ModelVersion], device: torch.device
    ) -> Loaded:
        """Load a version, or return the kept one. Versions without a digest, and endpoints, are never kept.

        Raises:
            TaskFailure: as `load_version`.
        """
        key = (version.digest, str(device))
        if version.digest and key in self._kept:
            return self._kept[key]
        self._kept.clear()  # frees the memory before the next one is loaded
        if device.type == "cuda":
            torch.cuda.empty_cache()
        loaded = load_version(slot, version, parts, device)
        if version.digest and not isinstance(version.source, Endpoint):  # its connection ends with the task
            self._kept[key] = loaded
        return loaded


def choose_device(asked: str, gpu_id: int | None = None) -> torch.device:
    """Return the device for "auto", "cpu" or "cuda". Of several GPUs it is the one that this process was given.

    Raises:
        TaskFailure: DEVICE_UNAVAILABLE.
    """
    if asked == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", (gpu_id or 0) % torch.cuda.device_count())
    if asked == "cuda":
        raise TaskFailure(
            "DEVICE_UNAVAILABLE",
            "the audit asks for device cuda, but this worker has no GPU. "
            "Ask for auto or cpu, or start a worker with a GPU",
            model_at_fault=False,
        )
    return torch.device("cpu")


def load_version(slot: Slot, version: ModelVersion, parts: Mapping[str, ModelVersion], device: torch.device) -> Loaded:
    """Load a version from the slot's artifacts. `parts` are the versions that it is made of, by name.

    Raises:
        TaskFailure: the reason says what is wrong with it.
    """
    match version.source:
        case Weights() as source:
            module = _module_of_weights(slot.artifact(source.digest), source, version.input)
        case Executable(digest=digest, kind=kind):
            module = _module_of_program(slot.artifact(digest), kind, device)
        case Ensemble() as source:
            return _ensemble(slot, version, source, parts, device)
        case InputDropout() as source:
            return _input_dropout(slot, version, source, parts, device)
        case Endpoint():
            module = endpoint_models.load_endpoint(slot.line)
    if version.input is None:
        raise ModelRefused("INPUT_MISSING", "the version has no input specification")
    output = version.source.output_kind if isinstance(version.source, Endpoint) else None
    probabilities_by = module.probabilities_by if isinstance(module, onnx_models.OnnxModule) else ""
    classifier = _classifier(module, version.input, device, output)
    return Loaded(classifier, version.input, probabilities_by=probabilities_by)


def _module_of_weights(path: Path, source: Weights, specification: InputSpecification | None) -> nn.Module:
    architecture, configuration = source.architecture, _configuration(source)
    group, _, name = architecture.partition(":")
    if group == onnx_models.GROUP:
        return onnx_models.load_network(name, path, specification)
    weights = read_weights(path)
    if group == transformers_models.GROUP:
        return transformers_models.load_classifier(name, configuration, weights)
    size = None if specification is None else (specification.height, specification.width)
    class_count = class_count_of(architecture, weights, configuration)
    module = build_architecture(architecture, class_count, size, configuration)
    take_channels(module, weights)
    fit_weights(module, weights, architecture)
    return module


def _configuration(source: Weights) -> dict[str, Any]:
    """The configuration, checked again: this process believes nobody."""
    try:
        return read_configuration(source.configuration)
    except ConfigurationRefused as error:
        raise ModelRefused("CONFIGURATION_REFUSED", str(error)) from error


def _module_of_program(path: Path, kind: ExecutableKind, device: torch.device) -> nn.Module:
    """Load a program, which runs its code: the operator has allowed it, and the process is confined."""
    try:
        with path.open("rb") as file:
            if kind is ExecutableKind.TORCHSCRIPT:
                script: nn.Module = torch.jit.load(file, map_location=device)  # type: ignore[no-untyped-call]
                return script
            program = torch.export.load(file)
            # a program has its devices written into it; moving its weights would not move the rest
            module = move_to_device_pass(program, str(device)).module()
    except Exception as error:
        if is_out_of_memory(error):
            raise
        log.exception("a %s program could not be loaded", kind)
        saver = "torch.jit.save" if kind is ExecutableKind.TORCHSCRIPT else "torch.export.save"
        raise ModelRefused(
            "PROGRAM_UNREADABLE",
            f"expected a program written by {saver}; torch {torch.__version__} cannot load it{first_line(error)}. "
            "Export it again with this release of torch or an older one",
        ) from error
    _refuse_other_inputs(program)
    return module


def _refuse_other_inputs(program: torch.export.ExportedProgram) -> None:
    """Refuse a program that does not take one batch of any number of images.

    Raises:
        ModelRefused: INPUT_REFUSED.
    """
    taken = program.graph_signature.user_inputs
    if len(taken) != 1:
        raise ModelRefused(
            "INPUT_REFUSED",
            f"expected a program with one input, the images; it has {len(taken)}. Export a module whose forward takes "
            "the images alone",
        )
    images = next((node.meta.get("val") for node in program.graph.nodes if node.name == taken[0]), None)
    if not isinstance(images, torch.Tensor):
        raise ModelRefused(
            "INPUT_REFUSED",
            "expected a program whose input is a tensor, the images; it takes a plain value. Export a module whose "
            "forward takes the images alone",
        )
    if images.ndim and isinstance(images.shape[0], int):
        raise ModelRefused(
            "INPUT_REFUSED",
            f"expected a program that takes any number of images; it takes {images.shape[0]}. Export it with a dynamic "
            "batch dimension: torch.export.export(network, (images,), dynamic_shapes=({0: "
            "torch.export.Dim('images')},)), with two images or more",
        )


def _listed(values: Iterable[object]) -> str:
    return " and ".join(sorted(map(str, values)))


def _classifier(
    module: nn.Module, specification: InputSpecification, device: torch.device, output: OutputKind | None
) -> Classifier:
    return Classifier(
        module,
        bounds=(specification.lower_bound, specification.upper_bound),
        mean=specification.mean or 0.0,
        std=specification.std or 1.0,
        device=device,
        output="auto" if output is None else output.value,
        input_size=(specification.height, specification.width),
        fill_mean=specification.fill_mean or None,
    )


def _part(slot: Slot, name: str, parts: Mapping[str, ModelVersion], device: torch.device) -> Loaded:
    if name not in parts:
        raise TaskFailure("PART_MISSING", f"the task does not include version {name}", model_at_fault=False)
    loaded = load_version(slot, parts[name], parts, device)
    size = loaded.input
    loaded.classifier.inspect((size.channels, size.height, size.width))  # finds class count and output kind
    return loaded


def _ensemble(
    slot: Slot, version: ModelVersion, source: Ensemble, parts: Mapping[str, ModelVersion], device: torch.device
) -> Loaded:
    members = [_part(slot, name, parts, device) for name in source.members]
    counts = {member.classifier.class_count for member in members}
    bounds = {member.classifier.bounds for member in members}
    if len(counts) != 1 or len(bounds) != 1:
        raise ModelRefused(
            "MEMBERS_DIFFER",
            "the members of an ensemble must have the same classes and bounds. These have "
            f"{_listed(counts)} classes and bounds {_listed(bounds)}. Use versions trained for the same task",
        )
    module = EnsembleModule(tuple(member.classifier for member in members), source.combine)
    return _composite(module, members, version.input or members[0].input, device)


def _input_dropout(
    slot: Slot, version: ModelVersion, source: InputDropout, parts: Mapping[str, ModelVersion], device: torch.device
) -> Loaded:
    member = _part(slot, source.member, parts, device)
    size = member.input
    masks = mask_bank(
        samples=source.samples,
        height=size.height,
        width=size.width,
        keep_probability=source.keep_probability,
        seed=source.seed,
    )
    mean = torch.tensor(size.mean or (0.0,), dtype=torch.float32).reshape(-1, 1, 1)
    module = InputDropoutModule(member.classifier, masks, mean)
    return _composite(module, [member], version.input or size, device, input_size=(size.height, size.width))


def _composite(
    module: nn.Module,
    parts: Sequence[Loaded],
    specification: InputSpecification,
    device: torch.device,
    *,
    temperature: float = 1,
    input_size: tuple[int, int] | None = None,
) -> Loaded:
    """Wrap a module that normalises by itself. Its mean fill is that of its specification, or of its first part.

    Where a part returns probabilities that saturate, the composite saturates too, at any temperature.
    """
    member = parts[0].input
    saturating = [one for part in parts if (one := part.classifier.log_odds_temperature) is not None]
    classifier = Classifier(
        module,
        bounds=(specification.lower_bound, specification.upper_bound),
        device=device,
        output="logits",
        log_odds_temperature=temperature * max(saturating) if saturating else None,
        input_size=input_size,
        fill_mean=specification.fill_mean or specification.mean or member.fill_mean or member.mean or None,
    )
    return Loaded(classifier, specification)


def tempered(loaded: Loaded, temperature: float, device: torch.device) -> Loaded:
    """Return the version with its logits divided by the temperature."""
    if temperature == 1:
        return loaded
    size = loaded.input
    loaded.classifier.inspect((size.channels, size.height, size.width))  # finds class count and output kind
    module = TemperedModule(loaded.classifier, temperature)
    return _composite(module, [loaded], loaded.input, device, temperature=temperature)
