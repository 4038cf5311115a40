"""Which passes of a spot test may use the fast copy of a module: those that choose a place, not those that test it."""

import torch
from modicum_sis import Classifier
from modicum_sis.spots.trials import spot_tests
from torch import Tensor, nn

SIDE, COUNT = 12, 32


class BrightCorner(nn.Module):
    """Class 1 where the pixel at the upper left is bright, else class 0."""

    def forward(self, images: Tensor) -> Tensor:
        bright = images[:, 0, 0, 0] - 0.75
        return torch.stack([-bright, bright], dim=1)


class Counted(Classifier):
    """Counts the images that it scores itself, and those that its fast copy scores."""

    own = fast = 0

    def logits(self, images: Tensor) -> Tensor:
        self.own += len(images)
        return super().logits(images)

    def search_logits(self, images: Tensor) -> Tensor:
        self.fast += len(images)
        return super().logits(images)


def test_the_module_itself_tests_places_and_its_fast_copy_chooses_them():
    images = 0.25 * torch.rand(COUNT, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    images[1::2, 0, 0, 0] = 1.0
    classifier = Counted(BrightCorner())

    rows = list(spot_tests(classifier, images, [index % 2 for index in range(COUNT)], {}))

    outcomes = [trial_part for row in rows for trial in row.trials for trial_part in (trial.pasted, trial.covered)]
    tested = sum(len(one.here) + len(one.elsewhere) for one in outcomes)
    assert classifier.own == tested > 0
    assert classifier.fast == sum(row.passes for row in rows) - tested > 0
