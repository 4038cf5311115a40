"""One image, a file or another layout instead of images: the refusal names the cause and what to give."""

import pytest
import torch
from modicum_sis import CanvasMismatch, Classifier, ImageError, MaskOptimization, OutOfBounds, find_subsets
from modicum_sis.run.arguments import check_kinds
from PIL import Image


class TestImagesThatAreOne:
    @pytest.mark.parametrize("images", [b"\x89PNG", "cat.png", {0: torch.zeros(3, 8, 8)}, Image.new("RGB", (8, 8))])
    def test_one_image_is_refused_with_how_to_give_it(self, images):
        with pytest.raises(ImageError, match=r"for one image give \[image\], for a file .PIL.Image.open"):
            check_kinds(_coloured(), images, MaskOptimization(passes=20))

    def test_a_tensor_whose_channels_come_last_is_named_so(self):
        with pytest.raises(CanvasMismatch, match=r"channels come last. Give images.permute\(0, 3, 1, 2\)"):
            find_subsets(_coloured(), torch.rand(2, 8, 8, 3), threshold=0.5, search=MaskOptimization(passes=20))

    def test_a_figure_refuses_an_image_outside_the_bounds(self):
        images = torch.rand(2, 3, 8, 8)
        found = next(
            one
            for one in find_subsets(_coloured(), images, threshold=0.34, search=MaskOptimization(passes=20))
            if one.subset
        )
        with pytest.raises(OutOfBounds, match=r"from 0 to 1; they range from .* Give images.index"):
            found.plot(images[found.index] * 255)


def _coloured():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 3))
    return Classifier(network, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))
