"""Arrays of numpy and images of PIL are searched like the tensors that they stand for."""

import numpy as np
import pytest
import torch
from modicum_sis import CanvasMismatch, Classifier, MaskOptimization, class_targeted, find_subsets, gather_donors
from PIL import Image

from tests.sis.sis_models import TinyNetwork, network_classifier

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 9, 3), dtype=np.uint8)
SHARES = torch.from_numpy(PIXELS / 255).permute(0, 3, 1, 2).contiguous()
TENSOR = SHARES.float()
SEARCH = MaskOptimization(30)


def found(images, classifier=None):
    findings = find_subsets(classifier or network_classifier(), images, threshold=0.5, search=SEARCH)
    return [(one.digest, one.confidence, one.subset and one.subset.mask.tolist()) for one in findings]


FORMS = {
    "bytes, channels last": PIXELS,
    "bytes, channels first": PIXELS.transpose(0, 3, 1, 2),
    "a read-only view": np.broadcast_to(PIXELS, PIXELS.shape),
    "numbers, channels last": TENSOR.permute(0, 2, 3, 1).numpy(),
    "numbers of another byte order": TENSOR.numpy().astype(">f4"),
    "a list of arrays": list(PIXELS),
    "images of PIL": [Image.fromarray(one) for one in PIXELS],
    "images of PIL with alpha": [Image.fromarray(one).convert("RGBA") for one in PIXELS],
}


@pytest.mark.parametrize("images", FORMS.values(), ids=FORMS)
def test_each_form_gives_the_findings_of_the_tensor(images):
    assert found(images) == found(TENSOR)


def test_bytes_are_scaled_to_the_bounds_of_the_classifier():
    classifier = Classifier(TinyNetwork(), bounds=(-1, 1), mean=0.0, std=1.0)

    assert found(PIXELS, classifier) == found((SHARES * 2 - 1).float(), classifier)


def test_grey_images_of_pil_become_rgb():
    grey = [Image.fromarray(one[:, :, 0]) for one in PIXELS]

    assert found(grey) == found(TENSOR[:, :1].expand(-1, 3, -1, -1).contiguous())


def test_controls_and_donors_take_arrays_too():
    classifier = network_classifier()
    findings = list(find_subsets(classifier, PIXELS, threshold=0.5, search=SEARCH))

    assert list(class_targeted(classifier, PIXELS, findings, threshold=0.5, search=SEARCH))
    assert gather_donors(classifier, PIXELS).digests == gather_donors(classifier, TENSOR).digests


REFUSED = {
    "an unclear layout": (np.zeros((2, 3, 8, 3), np.uint8), r"shape \(3, 8, 3\): the axis of its channels is unclear"),
    "no axis of channels": (np.zeros((2, 8, 9, 5), np.uint8), "the axis of its channels is unclear"),
    "one image": (PIXELS[0], "Give many images as an array"),
    "other numbers": (PIXELS.astype(np.int64), "an array of int64. Give bytes"),
    "a path": (["a.png"], "is a path. Open the file first"),
    "16 bits": ([Image.new("I;16", (9, 8))], "more than 8 bits"),
    "different sizes": ([PIXELS[0], PIXELS[1, :4]], "Resize all images to one shape"),
}


@pytest.mark.parametrize(("images", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_converted_is_refused_with_advice(images, says):
    with pytest.raises(CanvasMismatch, match=says):
        found(images)
