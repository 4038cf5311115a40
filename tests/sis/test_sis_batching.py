import pytest
import torch
from modicum_sis import Classifier, default_chunk_size, measured_chunk_size
from torch import nn

from tests.sis.sis_models import TinyNetwork, linear_classifier

CANVAS = (3, 64, 64)
GUESS = default_chunk_size(CANVAS, torch.device("cpu"))


class Paced(nn.Module):
    """A module whose passes take the times of a table; `now` is its clock."""

    def __init__(self, seconds_an_image):
        super().__init__()
        self.seconds_an_image, self.elapsed, self.sizes = seconds_an_image, 0.0, []

    def forward(self, images):
        self.sizes.append(len(images))
        self.elapsed += len(images) * self.seconds_an_image(len(images))
        return images.mean((2, 3))

    def now(self):
        return self.elapsed


def measured(module):
    return measured_chunk_size(Classifier(module, (0, 1), 0.0, 1.0), CANVAS, now=module.now)


PACES = {
    "no size better than another": (lambda _: 1e-5, GUESS),
    "gains too small to tell from noise": (lambda size: 1e-5 * (1 - 0.01 * (size > GUESS)), GUESS),
    "larger is better to the end": (lambda size: 1e-3 / size, 8 * GUESS),
    "larger is better for a while": (lambda size: 1e-5 if size < 4 * GUESS else 0.5e-5, GUESS),
    "twice the guess is best": (lambda size: 1e-5 * abs(size - 2 * GUESS + 0.5), 2 * GUESS),
    "smaller is better": (lambda size: 1e-7 * size, GUESS // 8),
}


@pytest.mark.parametrize(("pace", "size"), PACES.values(), ids=PACES)
def test_the_batch_size_takes_the_least_time_per_image(pace, size):
    assert measured(Paced(pace)) == size


def test_a_slow_model_is_measured_once_and_keeps_the_default():
    module = Paced(lambda _: 60.0)

    assert measured(module) == GUESS
    assert module.sizes == [GUESS]


def test_each_canvas_is_measured_once():
    module = Paced(lambda _: 1e-5)
    classifier = Classifier(module, (0, 1), 0.0, 1.0)
    first = measured_chunk_size(classifier, CANVAS, now=module.now)
    passes = len(module.sizes)

    assert measured_chunk_size(classifier, CANVAS, now=module.now) == first
    assert len(module.sizes) == passes


def test_a_batch_that_does_not_fit_ends_the_doubling():
    class Cramped(Paced):
        def forward(self, images):
            if len(images) > 2 * GUESS:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return super().forward(images)

    assert measured(Cramped(lambda size: 1e-3 / size)) == 2 * GUESS


def test_a_default_that_does_not_fit_is_halved():
    class Cramped(Paced):
        def forward(self, images):
            if len(images) >= GUESS:
                raise MemoryError
            return super().forward(images)

    assert measured(Cramped(lambda _: 1e-5)) == GUESS // 2


def test_double_precision_is_not_measured():
    classifier = Classifier(TinyNetwork().double(), (0, 1), 0.0, 1.0)

    assert measured_chunk_size(classifier, CANVAS, now=lambda: pytest.fail("the clock was read")) == GUESS


def test_large_and_small_canvases_have_defaults():
    assert default_chunk_size((3, 512, 512), torch.device("cpu")) == 1
    assert default_chunk_size((1, 8, 8), torch.device("cpu")) == 1024
    assert measured_chunk_size(linear_classifier(torch.ones(2, 2)), (1, 2, 2)) >= 1
