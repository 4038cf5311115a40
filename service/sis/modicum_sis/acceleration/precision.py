"""A copy of a module with 16-bit weights and activations, for hardware that multiplies those faster.

Class scores are returned in the dtype of the images. The caller must compare them with the module's own.
"""

import copy

import torch
from torch import Tensor, nn

CONVOLUTION_AXES = 4
BFLOAT16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx_ne_convert", "avx10_2")
"""Sets of instructions by which a processor of the x86 kind computes in bfloat16, as torch names them."""


class NotReducible(Exception):
    """The module cannot be copied or converted."""


def lacks_bfloat16(device: torch.device) -> bool:
    """Whether the device is known to have no instructions for bfloat16. False where torch does not tell."""
    tell = getattr(torch.cpu, "get_capabilities", None)
    if device.type != "cpu" or tell is None:
        return False
    known = tell()
    return known.get("architecture") == "x86_64" and not any(known.get(name) for name in BFLOAT16_INSTRUCTIONS)


class ReducedPrecision(nn.Module):
    """A copy of a module that computes in `dtype`. Convolutions use channels last, the layout of 16-bit kernels.

    Args:
        module: in eval mode; it stays unchanged.
        dtype: a 16-bit dtype.

    Raises:
        NotReducible: the module cannot be copied.
    """

    def __init__(self, module: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        try:
            copied = copy.deepcopy(module).to(dtype)
        except Exception as error:  # copying runs the module's own code, which may fail in any way
            raise NotReducible(f"{type(error).__name__}: {error}".splitlines()[0]) from error
        convolves = any(weights.dim() == CONVOLUTION_AXES for weights in copied.parameters())
        self._layout = torch.channels_last if convolves else torch.contiguous_format
        if convolves:
            copied = copied.to(memory_format=torch.channels_last)  # type: ignore[call-overload, unused-ignore]  # older torch
        self._module, self._reduced = copied, dtype
        self.requires_grad_(False)
        self.train(copied.training)

    def forward(self, images: Tensor) -> object:
        """Class scores of images (B, C, H, W), in their dtype. An output that is not a tensor is returned unchanged."""
        output: object = self._module(images.to(self._reduced, memory_format=self._layout))
        return output.to(images.dtype) if isinstance(output, Tensor) else output
