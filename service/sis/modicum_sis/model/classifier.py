"""Prepares a torch module for audits: bounds, normalisation, checked output, log-odds, passes over one image alone.

It never computes gradients of weights. It knows neither masks nor searches.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from modicum_sis.acceleration.fast_path import Acceleration, FastPath, Speedups
from modicum_sis.errors import CanvasRefused, OutputNotFinite, OutputRefused, OutputUnsteady, ParameterError
from modicum_sis.model.input_parameters import PerChannel, declared_input
from modicum_sis.numerics.full_precision import full_precision
from modicum_sis.numerics.margins import margins_of
from modicum_sis.numerics.out_of_memory import is_out_of_memory
from modicum_sis.numerics.seeding import generator

OutputKind = Literal["logits", "probabilities"]
Canvas = tuple[int, int, int]

STEADY_MARGIN = 1e-3
"""Largest allowed difference of a logit between two passes over one image, times the largest logit if above 1."""
PROBABILITY_SUM_TOLERANCE = 1e-4
CONVOLUTION_AXES = 4


@dataclass(frozen=True, slots=True)
class Inspection:
    """The result of inspecting a module on one canvas.

    `has_gradient` is True if autograd sees the score change with the image. `repeat_difference` is the largest
    difference of a logit between two passes over the same images.
    """

    canvas: Canvas
    class_count: int
    output_kind: OutputKind
    has_gradient: bool
    repeat_difference: float


class Classifier:
    """A classifier of images within `bounds`; it normalises them with `mean` and `std`.

    It takes over the module: moves it to `device`, puts it in eval mode, freezes its weights, and converts them to
    float32 unless they are float64.

    Args:
        module: takes (B, C, h, w) and returns one row of class scores for each image, (B, K) with K >= 2.
        bounds: the lowest and the highest value of an image.
        mean: one value for each channel, or one for all, in the units of the images.
        std: the divisor of the centred image, in the same form and units.
        device: where passes run. Default: where the weights are.
        output: "logits", "probabilities" or "auto". "auto" means probabilities if the rows of the probe images are >= 0
            and sum to 1.
        log_odds_temperature: for a module whose logits are log-odds of probabilities: the number by which they were
            divided, or 1. Findings then say if those probabilities are saturated. None for all other modules.
        input_size: height and width, or one number for both. Images are resized to it inside, differentiably.
        fill_mean: the value of the `mean` fill, within the bounds. Default: `mean`.
        accelerate: whether searches may use a fast copy of the module (see `acceleration`). `Speedups` allows more than
            folding batch norms. Reported scores never use it.

    Raises:
        ParameterError: invalid bounds, mean, std or input_size; a mean fill outside the bounds; or a device that torch
            does not have here.
    """

    @torch.inference_mode(False)  # tensors made in inference mode can never have a gradient
    def __init__(
        self,
        module: nn.Module,
        bounds: tuple[float, float] = (0.0, 1.0),
        mean: PerChannel = 0.0,
        std: PerChannel = 1.0,
        *,
        device: torch.device | str | None = None,
        output: Literal["auto", "logits", "probabilities"] = "auto",
        log_odds_temperature: float | None = None,
        input_size: int | tuple[int, int] | None = None,
        fill_mean: PerChannel | None = None,
        accelerate: bool | Speedups = True,
    ) -> None:
        if not isinstance(module, nn.Module):
            raise ParameterError(f"expected a torch.nn.Module; got {_kind(module)}. {_advice(module)}")
        self.input = declared_input(bounds=bounds, mean=mean, std=std, input_size=input_size, fill_mean=fill_mean)
        if output not in {"auto", "logits", "probabilities"}:
            raise ParameterError(f'output must be "auto", "logits" or "probabilities"; got {output!r}')
        self.bounds, self._input_size = self.input.bounds, self.input.input_size
        self.device = _present(device) if device is not None else _device_of(module)
        self.dtype = _dtype_of(module)
        self._mean, self._std = self._per_channel(self.input.mean), self._per_channel(self.input.std)
        self.fill_mean = self._per_channel(self.input.fill_mean)
        self._module, self._layout = self._take_over(module)
        self._output_kind: OutputKind | None = None if output == "auto" else output
        self._log_odds_temperature = log_odds_temperature
        self._class_count: int | None = None
        self._inspections: dict[Canvas, Inspection] = {}
        wanted = accelerate if isinstance(accelerate, Speedups) else Speedups() if accelerate else None
        self._fast = FastPath(self._module, dtype=self.dtype, wanted=wanted)
        self._weights_version = _weights_version(self._module)
        self.chunk_sizes: dict[Canvas, int] = {}  # as `model.chunk_size` measured them

    @property
    def class_count(self) -> int | None:
        """The number of classes; None before the first pass."""
        return self._class_count

    @property
    def output_kind(self) -> OutputKind | None:
        """What the module returns; None if it is determined by the first inspection, which has not run yet."""
        return self._output_kind

    @property
    def log_odds_temperature(self) -> float | None:
        """The divisor of scores that are log-odds of probabilities; None if the scores are the module's own."""
        return 1.0 if self._returns_probabilities() else self._log_odds_temperature

    def logits(self, images: Tensor) -> Tensor:
        """Class scores (B, K) whose softmax is the confidence. Differentiable; rows may contain NaN.

        Args:
            images: (B, C, H, W), within the bounds.

        Raises:
            CanvasRefused: the module failed on this shape. Lack of memory is raised as torch's own error instead.
            OutputRefused: the output is not a float tensor (B, K).
        """
        return self._logits(self._module, images)

    def search_logits(self, images: Tensor) -> Tensor:
        """As `logits`, with the fast copy if there is one. For comparisons in a search, never for reported scores."""
        channels, height, width = images.shape[1:]
        canvas = (channels, height, width)
        while (module := self._choose(canvas)[0]) is not self._module:
            try:
                return self._logits(module, images)
            except CanvasRefused as error:  # it ran on the probes but fails here; the step before may work
                self._fast.give_up(canvas, f"the fast copy failed: {error.__cause__ or error}")
        return self.logits(images)

    def acceleration(self, canvas: Canvas) -> Acceleration:
        """How searches run on this canvas. The fast copy is compared with the module on first use."""
        self.prepare()
        return self._choose(canvas)[1]

    def _choose(self, canvas: Canvas) -> tuple[nn.Module, Acceleration]:
        return self._fast.choose(canvas, lambda: self._probes(canvas), self._logits)

    def _logits(self, module: nn.Module, images: Tensor) -> Tensor:
        self._check_channels(int(images.shape[1]))
        inputs = ((images - self._mean) / self._std).contiguous(memory_format=self._layout)
        if self._input_size is not None and tuple(images.shape[-2:]) != self._input_size:
            inputs = functional.interpolate(
                inputs, size=self._input_size, mode="bilinear", align_corners=False, antialias=True
            )
        with torch.autocast(self.device.type, enabled=False):  # findings record the dtype, so a caller's must not apply
            output = self._checked(_forward(module, inputs), len(images))
        return output.clamp_min(torch.finfo(output.dtype).tiny).log() if self._returns_probabilities() else output

    def plain_logits(self, image: Tensor) -> Tensor:
        """Scores (K,) of one image (C, H, W) in a separate pass: no other image, no reduced precision, no gradient.

        The module is put back in eval mode first, in case its owner has trained it since.
        """
        self.prepare()
        with torch.no_grad(), full_precision():
            return self.logits(image.unsqueeze(0)).squeeze(0)

    def prepare(self) -> None:
        """Put the module back in eval mode, and discard the fast copy if weights have changed."""
        _to_eval(self._module)
        if (version := _weights_version(self._module)) != self._weights_version:
            self._weights_version = version
            self._fast.forget()

    def inspect(self, canvas: Canvas) -> Inspection:
        """Inspect the module on a grey and two random images of this canvas. The result is kept for each canvas.

        Raises:
            CanvasRefused, OutputRefused: as `logits`.
            OutputNotFinite: NaN or infinity on any of the three images.
            OutputUnsteady: two passes differ, for example because dropout is active.
        """
        if canvas not in self._inspections:
            self.prepare()
            self._inspections[canvas] = self._inspect(canvas)
        return self._inspections[canvas]

    def _inspect(self, canvas: Canvas) -> Inspection:
        probes = self._probes(canvas)
        with torch.no_grad():
            if self._output_kind is None:
                self._output_kind = "logits"  # so that the rows of the probes are not changed
                self._output_kind = "probabilities" if _is_probabilities(self.logits(probes)) else "logits"
            first, second = self.logits(probes), self.logits(probes)
        if not bool(torch.isfinite(first).all()):
            raise OutputNotFinite(
                "expected finite class scores on a grey and two random images; got NaN or infinity. "
                "Check the weights, and that bounds, mean and std are those of the training"
            )
        difference = float((first - second).abs().max())
        if not difference <= STEADY_MARGIN * max(1.0, float(first.abs().max())):
            raise OutputUnsteady(
                f"expected two passes over the same image to agree within {STEADY_MARGIN}; they differ by "
                f"{difference:.3g}. Remove layers that draw random numbers in eval mode"
            )
        return Inspection(
            canvas=canvas,
            class_count=int(first.shape[1]),
            output_kind=self._output_kind or "logits",
            has_gradient=self._has_gradient(probes),
            repeat_difference=difference,
        )

    def _probes(self, canvas: Canvas) -> Tensor:
        low, high = self.bounds
        noise = torch.rand((2, *canvas), generator=generator(0, "", "inspection"))
        grey = torch.full((1, *canvas), 0.5)
        return low + (high - low) * torch.cat([grey, noise]).to(device=self.device, dtype=self.dtype)

    def _has_gradient(self, probes: Tensor) -> bool:
        with torch.inference_mode(False), torch.enable_grad():
            inputs = probes.detach().clone().requires_grad_()
            logits = self.logits(inputs)
            if not logits.requires_grad:
                return False
            margins = margins_of(logits, logits.argmax(dim=1))  # what searches follow
            (gradient,) = torch.autograd.grad(margins.sum(), inputs, allow_unused=True)
        return gradient is not None and bool(torch.isfinite(gradient).all()) and bool(gradient.ne(0).any())

    def _checked(self, output: object, count: int) -> Tensor:
        if not isinstance(output, Tensor):
            raise OutputRefused(
                f"expected a tensor of class scores; the module returned {type(output).__name__}. "
                "Wrap the module so that it returns only the logits"
            )
        shape = tuple(output.shape)
        if shape in {(count,), (count, 1)}:
            raise OutputRefused(
                f"expected a row of scores for at least two classes; got one score for each image, of shape {shape}. "
                "If it is a logit, return 0 and the logit: torch.stack([torch.zeros_like(logit), logit], dim=1) of "
                "logit.flatten()"
            )
        if len(shape) != 2 or shape[0] != count or shape[1] < 2:  # noqa: PLR2004  (rows, classes), at least two
            raise OutputRefused(
                f"expected scores of shape ({count}, K) with K >= 2 classes; got {shape}. Give a network whose output "
                "is a row of class scores for each image; flatten further axes within it"
            )
        if not output.is_floating_point():
            raise OutputRefused(f"expected floating point scores; got {output.dtype}")
        if self._class_count not in {None, shape[1]}:
            raise OutputRefused(f"expected {self._class_count} classes, as in the first pass; got {shape[1]}")
        self._class_count = shape[1]
        return output.to(self.dtype)

    def _returns_probabilities(self) -> bool:
        return self._output_kind == "probabilities"

    def _per_channel(self, values: tuple[float, ...]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64).view(-1, 1, 1).to(device=self.device, dtype=self.dtype)

    def _check_channels(self, channels: int) -> None:
        """Refuse a mean or std whose channels differ from the image's: torch would broadcast a grey image silently."""
        for name, values in (("mean", self._mean), ("std", self._std), ("fill_mean", self.fill_mean)):
            if len(values) not in {1, channels}:
                raise CanvasRefused(
                    f"expected images with {len(values)} channels, because {name} has {len(values)} values; "
                    f"got {channels} channels. Give {name} one value, or one for each channel of the images"
                )

    def _take_over(self, module: nn.Module) -> tuple[nn.Module, torch.memory_format]:
        module = _to_normal(module).to(device=self.device, dtype=self.dtype)
        _to_eval(module)
        for weights in module.parameters():
            weights.requires_grad_(False)
            weights.grad = None
        convolves = any(weights.dim() == CONVOLUTION_AXES for weights in module.parameters())
        if not convolves or self.device.type != "cpu":
            return module, torch.contiguous_format
        # oneDNN's backward pass is nearly twice as fast on this layout (EfficientNet-Lite0 at 224x224)
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload, unused-ignore]  # older torch
        return module, torch.channels_last


def _kind(given: object) -> str:
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__


def _advice(given: object) -> str:
    """How to make a module of what was given in place of one."""
    if isinstance(given, type):
        return "Give an instance of it"
    if isinstance(given, Mapping):
        return "Make the network, call its load_state_dict with these weights, and give the network"
    if callable(given):
        return "Call a function inside a module's forward"
    return "Make or load the network first, and give the network"


#: What a module raises that is at fault. TorchScript has an error of its own.
FAILURES = (
    *(RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, StopIteration),
    torch.jit.Error,
)


def _forward(module: nn.Module, inputs: Tensor) -> object:
    try:
        output: object = module(inputs)
    except FAILURES as error:
        if is_out_of_memory(error):
            raise
        shape = "x".join(str(size) for size in inputs.shape[1:])
        raise CanvasRefused(
            f"the module failed on images of {shape} with {type(error).__name__}: {error}. "
            "Give images of the size it was trained on, or set input_size="
        ) from error
    return output


def _present(device: torch.device | str) -> torch.device:
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        if is_out_of_memory(error):
            raise
        raise ParameterError(
            f'device must be one that torch has here, for example "cpu"; got {device!r}. Leave it out to use the '
            "device of the weights"
        ) from error


def _device_of(module: nn.Module) -> torch.device:
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")


def _dtype_of(module: nn.Module) -> torch.dtype:
    dtypes = {tensor.dtype for tensor in (*module.parameters(), *module.buffers())}
    return torch.float64 if torch.float64 in dtypes else torch.float32


def _weights_version(module: nn.Module) -> int:
    """Rises with every in-place change of a weight or statistic. Tensors made in inference mode are not counted."""
    return sum(_changes_of(tensor) or 0 for tensor in (*module.parameters(), *module.buffers()))


def _changes_of(tensor: Tensor) -> int | None:
    """How often a tensor was changed in place; None if it was made in inference mode."""
    try:
        return tensor._version  # noqa: SLF001  torch's own tag
    except RuntimeError:  # is_inference() misses weights whose data was set in inference mode
        return None


def _to_normal(module: nn.Module) -> nn.Module:
    """Replace tensors made in inference mode by copies, because no gradient passes through them. Sharing is kept."""
    copies: dict[Tensor, Tensor] = {}
    for part in module.modules():
        named = (*part.named_parameters(recurse=False), *part.named_buffers(recurse=False))
        for name, tensor in named:
            if _changes_of(tensor) is not None:
                continue
            if tensor not in copies:
                copy = tensor.detach().clone()
                copies[tensor] = nn.Parameter(copy, requires_grad=False) if isinstance(tensor, nn.Parameter) else copy
            setattr(part, name, copies[tensor])
    return module


def _to_eval(module: nn.Module) -> None:
    with suppress(NotImplementedError):  # modules of torch.export have no modes
        module.eval()


def _is_probabilities(rows: Tensor) -> bool:
    ones = torch.ones(len(rows), device=rows.device, dtype=rows.dtype)
    return bool((rows >= 0).all()) and torch.allclose(rows.sum(dim=1), ones, rtol=0, atol=PROBABILITY_SUM_TOLERANCE)
