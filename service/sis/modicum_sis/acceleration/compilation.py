"""A module compiled by torch.compile, for runs long enough to earn back the minutes that this takes.

Compiled once for batches of any size (`dynamic`): a search's differ from pass to pass. Whatever goes wrong in the
compiler is one error, raised by the pass that met it. Must not fall back: who asks decides what runs instead.
"""

import itertools
import warnings

import torch
from torch import Tensor, nn

from modicum_sis.acceleration.padding import padded
from modicum_sis.numerics.memory import is_out_of_memory


class CompilationFailed(RuntimeError):
    """There is no compiler, or it does not take this module."""


class Compiled(nn.Module):
    """The same function as `module`, compiled at its first passes: forward and both ways, few images and many."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._ready: set[tuple[bool, int, torch.Size]] = set()
        try:
            self._run = torch.compile(module, dynamic=True)
        except Exception as error:  # e.g. a Python that torch does not compile for
            raise CompilationFailed(_in_a_line(error)) from error

    def forward(self, images: Tensor) -> object:
        """Class scores of images (B, C, H, W); differentiable.

        Raises:
            CompilationFailed: the compiler failed, forward or backward.
        """
        differentiable = torch.is_grad_enabled() and images.requires_grad
        # by powers of two: the compiler sets limits to the batch, and compiles anew beyond them
        kind = (differentiable, len(images).bit_length(), images.shape[1:])
        if kind in self._ready:
            return self._run(images)
        try:
            scores = self._first_pass(images, differentiable=differentiable)
        except Exception as error:  # a compiler, a cache on disk, generated code: that may fail in any way
            if is_out_of_memory(error):
                raise
            raise CompilationFailed(_in_a_line(error)) from error
        self._ready.add(kind)
        return scores

    def _first_pass(self, images: Tensor, *, differentiable: bool) -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler warns of what it does itself, such as looking for a gradient
            self._rehearse(images.detach(), differentiable=differentiable)
            return self._run(images)

    def _rehearse(self, images: Tensor, *, differentiable: bool) -> None:
        """Compile; backward too, which may be put off until it is needed, and that is outside of this module."""
        if len(images) > 1:
            # equal sizes, as of three images of three channels, are taken for one and the same
            images = padded(images, next(size for size in itertools.count(len(images)) if size not in images.shape[1:]))
        leaf = images.requires_grad_(differentiable)
        scores = self._run(leaf.clone())  # no leaf, as the images of a search are none: else it is compiled again
        if isinstance(scores, Tensor) and scores.requires_grad:
            torch.autograd.grad(scores.sum(), leaf, allow_unused=True)


def _in_a_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
