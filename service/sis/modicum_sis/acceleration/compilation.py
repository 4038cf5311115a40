"""A module compiled by torch.compile, for runs long enough to pay for the minutes that compiling takes.

It is compiled once for batches of any size (`dynamic`), because batch sizes change from pass to pass in a search. Every
compiler error is raised as `CompilationFailed` by the pass that met it. The caller decides what runs instead.
"""

import itertools
import warnings

import torch
from torch import Tensor, nn

from modicum_sis.acceleration.padding import padded
from modicum_sis.numerics.out_of_memory import is_out_of_memory


class CompilationFailed(RuntimeError):
    """There is no compiler, or it cannot compile this module."""


class Compiled(nn.Module):
    """The same function as `module`, compiled at its first passes: with and without gradients, for any batch."""

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
        # by powers of two: the compiler sets limits on the batch size, and compiles again beyond them
        kind = (differentiable, len(images).bit_length(), images.shape[1:])
        if kind in self._ready:
            return self._run(images)
        try:
            scores = self._first_pass(images, differentiable=differentiable)
        except Exception as error:  # a compiler, a disk cache and generated code can fail in any way
            if is_out_of_memory(error):
                raise
            raise CompilationFailed(_in_a_line(error)) from error
        self._ready.add(kind)
        return scores

    def _first_pass(self, images: Tensor, *, differentiable: bool) -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler warns about its own actions
            self._rehearse(images.detach(), differentiable=differentiable)
            return self._run(images)

    def _rehearse(self, images: Tensor, *, differentiable: bool) -> None:
        """Compile both directions now. Otherwise the backward pass is compiled later, outside this module."""
        if len(images) > 1:
            # the compiler treats equal sizes as one size, for example three images of three channels
            images = padded(images, next(size for size in itertools.count(len(images)) if size not in images.shape[1:]))
        leaf = images.requires_grad_(differentiable)
        scores = self._run(leaf.clone())  # not a leaf, as in a search: a leaf would be compiled separately
        if isinstance(scores, Tensor) and scores.requires_grad:
            torch.autograd.grad(scores.sum(), leaf, allow_unused=True)


def _in_a_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
