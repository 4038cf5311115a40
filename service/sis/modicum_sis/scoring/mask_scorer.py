"""Computes margins of masked images, and their gradients with respect to the mask. Every pass is counted for its image.

The model only sees true binary masks. Decisions are left to the searches.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from modicum_sis.findings import Passes
from modicum_sis.model.classifier import Canvas, Classifier
from modicum_sis.numerics.margins import margins_of
from modicum_sis.numerics.out_of_memory import is_out_of_memory
from modicum_sis.progress import Meter


def paint(images: Tensor, fills: Tensor, masks: Tensor) -> Tensor:
    """The image where the mask is True, the fill elsewhere. images, fills: (B, C, H, W); masks: (B, H, W) bool."""
    return torch.where(masks.unsqueeze(1), images, fills)


class MaskScorer:
    """Scores masks over the images in its rows.

    Args:
        classifier: the classifier that is searched.
        canvas: the shape of the images.
        rows: how many images it can hold at a time.
        batch_size: how many masked images one pass may hold.
        meter: counts all passes.
        safe_margin: if passes are inexact, the margin from which a mask is expected to pass verification; see
            `safe_mask`.
    """

    def __init__(
        self,
        classifier: Classifier,
        canvas: Canvas,
        *,
        rows: int,
        batch_size: int,
        meter: Meter,
        safe_margin: float | None = None,
    ) -> None:
        self._classifier = classifier
        self._safe_margin = safe_margin
        self._safe_masks: dict[int, Tensor] = {}
        self._images = torch.zeros((rows, *canvas), device=classifier.device, dtype=classifier.dtype)
        self._fills = torch.zeros_like(self._images)
        self._targets = torch.zeros(rows, device=classifier.device, dtype=torch.int64)
        self._forward = torch.zeros(rows, dtype=torch.int64)
        self._backward = torch.zeros(rows, dtype=torch.int64)
        self.batch_size, self.meter = batch_size, meter

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a mask."""
        return int(self._images.shape[-2]), int(self._images.shape[-1])

    @property
    def pixels(self) -> int:
        """The number of pixels of a mask."""
        return self.shape[0] * self.shape[1]

    @property
    def rows(self) -> int:
        """How many images it can hold at a time."""
        return len(self._images)

    @property
    def device(self) -> torch.device:
        """The device of masks and margins."""
        return self._images.device

    def place(self, row: int, image: Tensor, fill: Tensor, target: int) -> None:
        """Put an image (C, H, W) and its fill into a row, and start counting its passes at zero."""
        self._images[row], self._fills[row], self._targets[row] = image, fill, target
        self._forward[row], self._backward[row] = 0, 0
        self._safe_masks.pop(row, None)

    def refill(self, row: int, fill: Tensor) -> None:
        """Replace the fill (C, H, W) of the image in a row. Its passes are kept."""
        self._fills[row] = fill

    def safe_mask(self, row: int) -> Tensor | None:
        """The smallest mask (H, W) scored in a row with at least `safe_margin`, except the whole image, or None."""
        return self._safe_masks.get(row)

    def passes_of(self, row: int) -> Passes:
        """The passes spent on the image in a row."""
        return Passes(int(self._forward[row]), int(self._backward[row]))

    def margins(self, masks: Tensor, rows: Tensor) -> Tensor:
        """Margins (m,) of masks (m, H, W). `rows` (m,), on the CPU, names the row of each mask's image."""
        return self._in_batches(self._margins, masks, rows)[0]

    def margins_and_gradients(self, masks: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Margins (m,), and their gradients (m, H, W) with respect to the masks, taken as real numbers."""
        margins, gradients = self._in_batches(self._margins_and_gradients, masks, rows)
        return margins, gradients

    def _margins(self, masks: Tensor, rows: Tensor) -> tuple[Tensor, ...]:
        at = rows.to(self.device)
        with torch.no_grad():
            logits = self._classifier.search_logits(paint(self._images[at], self._fills[at], masks))
            margins = margins_of(logits, self._targets[at])
        self._count(rows, backward=False)
        self._note_safe(masks, rows, margins)
        return (margins,)

    def _margins_and_gradients(self, masks: Tensor, rows: Tensor) -> tuple[Tensor, ...]:
        at = rows.to(self.device)
        with torch.inference_mode(False), torch.enable_grad():  # the caller may have disabled gradients
            images, fills = self._images[at], self._fills[at]
            painted = paint(images, fills, masks).detach().requires_grad_()
            margins = margins_of(self._classifier.search_logits(painted), self._targets[at])
            gradient = _gradient(margins, painted)
        self._count(rows, backward=True)
        self._note_safe(masks, rows, margins.detach())
        # painted = fill + mask * (image - fill), so the chain rule leaves one sum over the channels
        by_mask = torch.nan_to_num((gradient * (images - fills)).sum(dim=1), nan=0.0, posinf=0.0, neginf=0.0)
        return margins.detach(), by_mask

    def _note_safe(self, masks: Tensor, rows: Tensor, margins: Tensor) -> None:
        if self._safe_margin is None or masks.dtype != torch.bool:
            return
        sizes = masks.flatten(1).sum(dim=1).cpu()
        for place in torch.nonzero(margins.cpu() >= self._safe_margin).flatten().tolist():
            row, size = int(rows[place]), int(sizes[place])
            before = self._safe_masks.get(row)
            if size < (self.pixels if before is None else int(before.sum())):
                self._safe_masks[row] = masks[place].clone()

    def _in_batches(
        self, score: Callable[[Tensor, Tensor], tuple[Tensor, ...]], masks: Tensor, rows: Tensor
    ) -> tuple[Tensor, ...]:
        parts, start = [], 0
        while start < len(rows):
            part = slice(start, start + self.batch_size)
            try:
                parts.append(score(masks[part], rows[part]))
            except (MemoryError, RuntimeError) as error:
                if self.batch_size == 1 or not is_out_of_memory(error):
                    raise
                self.batch_size //= 2
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
            else:
                start = part.stop
        return tuple(torch.cat(values) for values in zip(*parts, strict=True))

    def _count(self, rows: Tensor, *, backward: bool) -> None:
        counts = torch.bincount(rows, minlength=self.rows)
        self._forward += counts
        if backward:
            self._backward += counts
        self.meter.add_passes(len(rows) * Passes(forward=1, backward=int(backward)).equivalents)


def _gradient(margins: Tensor, painted: Tensor) -> Tensor:
    if not margins.requires_grad:
        return torch.zeros_like(painted)
    (gradient,) = torch.autograd.grad(margins.sum(), painted, allow_unused=True)
    return torch.zeros_like(painted) if gradient is None else gradient
