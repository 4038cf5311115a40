"""Models of which a person can tell which small place decides, and images for them."""

import torch
from modicum_sis import Classifier
from modicum_sis.spots.trials import SpotRow
from torch import Tensor, nn

SIDE = 12
CANVASES = [(12, 12), (32, 32), (224, 224), (20, 60), (1, 8), (8, 1), (2, 9), (3, 3), (1, 1)]


class BrightCorner(nn.Module):
    """Class 1 where the pixel at the upper left is bright, else class 0."""

    def forward(self, images: Tensor) -> Tensor:
        bright = images[:, 0, 0, 0] - 0.75
        return torch.stack([-bright, bright], dim=1)


class BrightAnywhere(nn.Module):
    """Class 1 where any pixel is bright, else class 0."""

    def forward(self, images: Tensor) -> Tensor:
        bright = images.amax(dim=(1, 2, 3)) - 0.75
        return torch.stack([-bright, bright], dim=1)


class MeanLight(nn.Module):
    """Class 1 where most of the image is light, else class 0: no small place decides."""

    def forward(self, images: Tensor) -> Tensor:
        light = images.mean(dim=(1, 2, 3)) - 0.5
        return torch.stack([-light, light], dim=1)


def classifier_of(module: nn.Module) -> Classifier:
    return Classifier(module, bounds=(0, 1), mean=0.0, std=1.0)


def dim_images(count: int) -> Tensor:
    return 0.25 * torch.rand(count, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(3))


def with_corner(count: int = 32) -> tuple[Tensor, list[int | None]]:
    """Every second image has the bright corner."""
    images = dim_images(count)
    images[1::2, 0, 0, 0] = 1.0
    return images, [index % 2 for index in range(count)]


def with_moving_spot(count: int = 32) -> tuple[Tensor, list[int | None], dict[int, Tensor]]:
    """Every second image has one bright pixel, elsewhere in each; it is the image's subset."""
    images, masks = dim_images(count), {}
    for index in range(1, count, 2):
        top, left = (index * 5) % SIDE, (index * 7) % SIDE
        images[index, 0, top, left] = 1.0
        masks[index] = torch.zeros(SIDE, SIDE, dtype=torch.bool)
        masks[index][top, left] = True
    return images, [index % 2 for index in range(count)], masks


def of_class(rows: list[SpotRow], target_class: int | None) -> SpotRow:
    return next(row for row in rows if row.target_class == target_class)


def share(answers: tuple[bool, ...]) -> float:
    return sum(answers) / len(answers)
