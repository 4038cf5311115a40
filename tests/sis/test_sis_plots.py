"""Figures of the library's findings."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from modicum_sis import BatchedGradient, CanvasMismatch, Reason, SisError, find_subsets

from tests.sis.sis_models import network_classifier, random_images

IMAGES = random_images(3)


@pytest.fixture(scope="module")
def finding():
    found = find_subsets(network_classifier(), IMAGES, threshold=0.5, search=BatchedGradient(4))
    return next(one for one in found if one.subset is not None and one.subset.size)


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text")))


def drawn(figure):
    return [np.asarray(image.get_array()) for axis in figure.axes for image in axis.get_images()]


def test_a_finding_is_drawn_with_its_image_its_subset_and_its_trace(finding):
    image, mask = IMAGES[finding.index], finding.subset.mask.numpy()

    figure = finding.plot(image)

    whole, subset = drawn(figure)
    assert np.allclose(whole, image.permute(1, 2, 0))
    assert np.array_equal(subset[mask], whole[mask])
    assert (subset[~mask] == 0.5).all()
    assert f"{finding.subset.size} of {mask.size} pixels" in texts(figure)
    assert f"confidence {finding.verified_confidence:.2f} in class {finding.target_class}" in texts(figure)
    assert len(figure.axes) == 3
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_an_array_is_drawn_like_its_tensor(finding):
    image = IMAGES[finding.index]

    arrays = drawn(finding.plot(image.permute(1, 2, 0).numpy()))

    assert all(map(np.array_equal, arrays, drawn(finding.plot(image))))


def test_without_the_image_the_mask_is_drawn(finding):
    (mask,) = drawn(replace(finding, trace=None).plot())

    assert np.array_equal(mask, finding.subset.mask)


def test_an_image_of_another_size_is_refused(finding):
    with pytest.raises(CanvasMismatch, match="expected the image of this finding"):
        finding.plot(torch.zeros(3, 2, 2))


def test_a_finding_without_a_subset_has_nothing_to_plot(finding):
    with pytest.raises(SisError, match="there is no subset to plot: NOT_ELIGIBLE"):
        replace(finding, subset=None, reason=Reason.NOT_ELIGIBLE).plot()


def test_matplotlib_is_named_where_it_is_not_installed(finding, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)

    with pytest.raises(SisError, match="run pip install matplotlib"):
        finding.plot()


def test_the_library_imports_neither_matplotlib_nor_pil():
    code = "import sys, modicum_sis; print([name for name in ('matplotlib', 'PIL') if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
