"""A module in half the bits: 16-bit weights and activations, where the hardware multiplies those faster.

The class scores come back in the images' own type. Must not judge whether they are close enough: who asks compares.
"""

import copy

import torch
from torch import Tensor, nn

CONVOLUTION_AXES = 4


class NotReducible(Exception):
    """The module cannot be copied, or not to another type."""


class ReducedPrecision(nn.Module):
    """A copy of a module that computes in `dtype`; convolutions channels last, which is how 16-bit kernels want them.

    Args:
        module: in eval mode; stays as it is.

    Raises:
        NotReducible: it cannot be copied.
    """

    def __init__(self, module: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        try:
            copied = copy.deepcopy(module).to(dtype)
        except Exception as error:  # copying runs a stranger's code, and that may fail in any way
            raise NotReducible(f"{type(error).__name__}: {error}".splitlines()[0]) from error
        convolves = any(weights.dim() == CONVOLUTION_AXES for weights in copied.parameters())
        self._layout = torch.channels_last if convolves else torch.contiguous_format
        if convolves:
            copied = copied.to(memory_format=torch.channels_last)  # type: ignore[call-overload, unused-ignore]  # older torch
        self._module, self._reduced = copied, dtype
        self.requires_grad_(False)
        self.train(copied.training)

    def forward(self, images: Tensor) -> object:
        """Class scores of images (B, C, H, W), in their type; what is no tensor comes as it is."""
        output: object = self._module(images.to(self._reduced, memory_format=self._layout))
        return output.to(images.dtype) if isinstance(output, Tensor) else output
