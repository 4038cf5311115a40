"""Wrong input raises an error of the library that says what to do, before or at the image that is wrong."""

import pytest
import torch
from modicum_sis import (
    CanvasMismatch,
    CanvasRefused,
    Classifier,
    FillUnavailable,
    MaskOptimization,
    ParameterError,
    find_subsets,
    gather_donors,
)

from tests.sis.sis_models import TinyNetwork, network_classifier, random_images

IMAGES = random_images(3)
WRONG_IMAGES = {
    "bytes": (IMAGES.mul(255).byte(), "divide bytes by 255"),
    "another shape": ([IMAGES[0], IMAGES[1, :, :4]], "Resize all images to one shape"),
    "one image": (IMAGES[0], r"a tensor \(N, C, H, W\)"),
    "with labels": ([(image, 0) for image in IMAGES], "without labels"),
}
WRONG_CHANNELS = {
    "a grey image": ({"mean": (0.5, 0.5, 0.5)}, IMAGES[:, :1], "mean one value"),
    "two values of three": ({"std": (0.5, 0.5)}, IMAGES, "std one value"),
    "another fill": ({"fill_mean": (0.5, 0.5)}, IMAGES, "fill_mean one value"),
}


def search(classifier, images, **options):
    return list(find_subsets(classifier, images, **{"threshold": 0.6, "search": MaskOptimization(30), **options}))


@pytest.mark.parametrize(("images", "says"), WRONG_IMAGES.values(), ids=WRONG_IMAGES)
def test_images_that_do_not_fit_are_refused_with_advice(images, says):
    with pytest.raises(CanvasMismatch, match=says):
        search(network_classifier(), images)


@pytest.mark.parametrize(("options", "images", "says"), WRONG_CHANNELS.values(), ids=WRONG_CHANNELS)
def test_images_whose_channels_do_not_fit_the_classifier_are_refused_and_not_broadcast(options, images, says):
    with pytest.raises(CanvasRefused, match=says):
        search(Classifier(TinyNetwork(), **options), images)


def test_a_function_instead_of_a_module_is_refused():
    with pytest.raises(ParameterError, match=r"expected a torch.nn.Module; got function"):
        Classifier(lambda images: images.mean((2, 3)))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("resnet18", "got str. Make or load the network first, and give the network"),
        ({"weight": torch.zeros(2)}, "got dict. Make the network, call its load_state_dict"),
        (TinyNetwork, "got the class TinyNetwork. Give an instance of it"),
        (abs, "Call a function inside a module's forward"),
    ],
)
def test_what_is_no_module_is_refused_with_how_to_make_one(given, says):
    with pytest.raises(ParameterError, match=f"expected a torch.nn.Module; .*{says}"):
        Classifier(given)


def test_donors_with_nan_are_left_out_and_too_few_others_are_refused():
    donors = random_images(4)
    donors[2, 0, 0, 0] = torch.nan

    assert len(gather_donors(network_classifier(), donors).digests) == 3
    with pytest.raises(FillUnavailable, match="without NaN; got 1"):
        gather_donors(network_classifier(), donors[1:3])


def test_donors_of_another_shape_than_the_images_are_refused():
    with pytest.raises(CanvasMismatch, match=r"shape \(3, 8, 8\); got \(3, 6, 6\)"):
        search(network_classifier(), IMAGES, fill="marginal", donors=random_images(4, side=6), targets=[0, 0, 0])


def test_a_path_instead_of_findings_is_refused():
    with pytest.raises(ParameterError, match="Read a file with load_findings"):
        search(network_classifier(), IMAGES, resume="findings.npz")


def test_findings_under_another_mean_fill_are_refused():
    before = search(Classifier(TinyNetwork(), mean=0.5, std=0.25), IMAGES)

    with pytest.raises(ParameterError, match="fill_mean"):
        search(Classifier(TinyNetwork(), mean=0.5, std=0.25, fill_mean=0.25), IMAGES, resume=before)
