"""Records a module's passes as CUDA graphs and replays them: one call starts all kernels of a small network.

A graph reads and writes fixed addresses. Images are copied into a fixed place and scores out of one, so every padded
batch size has its own recording. Without CUDA the same code runs the passes themselves instead of a replay, which is
how it is tested; it was never run on a GPU. Two threads must not use it at the same time.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from modicum_sis.acceleration.padding import padded, padded_count

WARM_UPS = 3
"""Passes before a recording. In these the libraries choose their kernels and allocate their memory."""


class Graphed(nn.Module):
    """The same function as `module`, in recorded passes."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._graphed = module
        self._recordings: dict[tuple[int, ...], _Recording] = {}

    def forward(self, images: Tensor) -> Tensor:
        """Class scores of images (B, C, H, W). Differentiable once, before the next pass."""
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
    """Passes over one padded batch size, and the tensors that hold their inputs and outputs."""

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
        """Scores of the images without the padding. Padded rows keep old values, which influence nothing."""
        with torch.no_grad():
            self._images[: len(images)].copy_(images, non_blocking=True)
        self._replay_forward()
        self.passes += 1
        return self._scores[: len(images)].clone()

    def differentiate(self, by_scores: Tensor) -> Tensor:
        """The gradient of the latest pass with respect to its images."""
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
        """Run the passes on a separate stream, as a recording will."""
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
    """Connects a recording to autograd."""

    @staticmethod
    def forward(ctx: FunctionCtx, images: Tensor, recording: _Recording) -> Tensor:
        scores = recording.score(images)
        ctx.recording, ctx.place = recording, recording.passes  # type: ignore[attr-defined]
        return scores

    @staticmethod
    def backward(ctx: FunctionCtx, *by_scores: Tensor) -> tuple[Tensor, None]:
        recording: _Recording = ctx.recording  # type: ignore[attr-defined]
        if recording.passes != ctx.place:  # type: ignore[attr-defined]
            raise RuntimeError("only the latest pass can be differentiated; a later pass has overwritten its values")
        return recording.differentiate(by_scores[0]), None
