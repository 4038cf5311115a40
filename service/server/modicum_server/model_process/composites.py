"""Versions made of versions, as torch modules over the canvas (docs/method.md, "Ensembles and input dropout").

A part is a `Classifier`, which normalises and resizes by itself. So these modules take plain images within the bounds,
and the classifier that wraps them normalises nothing.
"""

import torch
from modicum_sis import Classifier
from torch import Tensor, nn

from modicum_server.domain.models import Combine


class EnsembleModule(nn.Module):
    """Averages the outputs of its members.

    With `mean_probabilities` it returns the logarithm of the mean, whose softmax is that mean.
    """

    def __init__(self, members: tuple[Classifier, ...], combine: Combine) -> None:
        super().__init__()
        self._members, self._combine = members, combine

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, K)."""
        logits = torch.stack([member.logits(images) for member in self._members])
        if self._combine is Combine.MEAN_LOGITS:
            return logits.mean(dim=0)
        return torch.logsumexp(logits.log_softmax(dim=2), dim=0) - torch.log(torch.tensor(float(len(logits))))


class TemperedModule(nn.Module):
    """A version whose logits are divided by a temperature. Above 1 it is less confident; its predictions stay."""

    def __init__(self, member: Classifier, temperature: float) -> None:
        super().__init__()
        self._member, self._temperature = member, temperature

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, K)."""
        return self._member.logits(images) / self._temperature


class InputDropoutModule(nn.Module):
    """The mean of a member's logits over a frozen bank of pixel masks. Kept pixels are not rescaled; inference only.

    Dropped pixels have the member's mean, which is zero after normalisation.

    Args:
        masks: (samples, H, W) bool, True = kept.
        mean: (C, 1, 1) in the images' units.
    """

    def __init__(self, member: Classifier, masks: Tensor, mean: Tensor) -> None:
        super().__init__()
        self._member = member
        self.register_buffer("masks", masks, persistent=False)
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, K); one pass takes one pass of the member for each mask."""
        masks, mean = self.get_buffer("masks"), self.get_buffer("mean")
        total = torch.stack([self._member.logits(torch.where(mask, images, mean)) for mask in masks])
        return total.mean(dim=0)


def mask_bank(*, samples: int, height: int, width: int, keep_probability: float, seed: int) -> Tensor:
    """Return a seeded bank of pixel masks, bool (samples, H, W), the same on every device and in every process."""
    source = torch.Generator(device="cpu").manual_seed(seed)
    return torch.rand((samples, height, width), generator=source) < keep_probability
