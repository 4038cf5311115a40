"""A module's passes recorded once as CUDA graphs and replayed: a small network's many kernels start at one call.

A graph knows addresses and no values: images are copied into a fixed place, and scores out of one. So there is one
recording for each padded batch size. Without CUDA the same code runs with the passes themselves in the place of their
replay, which is how it is tested; it was never run on a GPU. Must not be used by two threads at a time.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from modicum_sis.acceleration.padding import padded, padded_count

WARM_UPS = 3
"""Passes before a recording, in which libraries choose their kernels and take their memory."""


class Graphed(nn.Module):
    """The same function as `module`, in recorded passes."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._graphed = module
        self._recordings: dict[tuple[int, ...], _Recording] = {}

    def forward(self, images: Tensor) -> Tensor:
        """Class scores of images (B, C, H, W); differentiable, once and before the next pass."""
        count = padded_count(len(images))
        differentiable = torch.is_grad_enabled() and images.requires_grad
        kind = (count, *images.shape[1:], int(differentiable))
        if kind not in self._recordings:
            self._recordings[kind] = _Recording(self._graphed, images, count, differentiable=differentiable)
        recording = self._recordings[kind]
        if not differentiable:
            return recording.score(images)
        scores: Tensor = _Replay.apply(images, recording)  # type: ignore[no-untyped-call, unused-ignore]
        return scores


class _Recording:
    """Passes over one padded batch size, and the places where their inputs and outputs lie."""

    def __init__(self, module: nn.Module, images: Tensor, count: int, *, differentiable: bool) -> None:
        self._module, self._is_on_gpu = module, images.is_cuda
        self._images = padded(images.detach(), count).clone().requires_grad_(differentiable)
        self._attached = self._pass()
        self._scores, self._by_scores = (torch.zeros_like(self._attached.detach()) for _ in range(2))
        self._by_images = torch.zeros_like(self._images.detach())
        self._warm_up()
        self._pool = torch.cuda.graph_pool_handle() if self._is_on_gpu else None
        self.passes = 0
        self._replay_forward = self._record(self._run_forward)
        self._replay_backward = self._record(self._run_backward) if differentiable else None

    def score(self, images: Tensor) -> Tensor:
        """Scores of images, the padding cut off; rows behind the images still hold what they held, and harm nobody."""
        with torch.no_grad():
            self._images[: len(images)].copy_(images, non_blocking=True)
        self._replay_forward()
        self.passes += 1
        return self._scores[: len(images)].clone()

    def differentiate(self, by_scores: Tensor) -> Tensor:
        """The gradient with respect to the images of the latest pass."""
        assert self._replay_backward is not None
        self._by_scores[: len(by_scores)].copy_(by_scores, non_blocking=True)
        self._replay_backward()
        return self._by_images[: len(by_scores)].clone()

    def _pass(self) -> Tensor:
        with torch.set_grad_enabled(self._images.requires_grad):
            scores: Tensor = self._module(self._images)
        return scores

    def _run_forward(self) -> None:
        self._attached = self._pass()
        self._scores.copy_(self._attached.detach())

    def _run_backward(self) -> None:
        (by_images,) = torch.autograd.grad(self._attached, self._images, self._by_scores)
        self._by_images.copy_(by_images)

    def _warm_up(self) -> None:
        """Rehearse on a stream of its own, as a recording will run."""
        if not self._is_on_gpu:
            return
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                self._run_forward()
                if self._images.requires_grad:
                    self._run_backward()
        torch.cuda.current_stream().wait_stream(stream)

    def _record(self, run: Callable[[], None]) -> Callable[[], None]:
        if not self._is_on_gpu:
            return run
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            run()
        replay: Callable[[], None] = graph.replay
        return replay


class _Replay(torch.autograd.Function):
    """Ties a recording into autograd."""

    @staticmethod
    def forward(ctx: FunctionCtx, images: Tensor, recording: _Recording) -> Tensor:
        scores = recording.score(images)
        ctx.recording, ctx.place = recording, recording.passes  # type: ignore[attr-defined]
        return scores

    @staticmethod
    def backward(ctx: FunctionCtx, *by_scores: Tensor) -> tuple[Tensor, None]:
        recording: _Recording = ctx.recording  # type: ignore[attr-defined]
        if recording.passes != ctx.place:  # type: ignore[attr-defined]
            raise RuntimeError("expected the gradient of the latest pass; another pass has overwritten what it needs")
        return recording.differentiate(by_scores[0]), None
