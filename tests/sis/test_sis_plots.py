"""Figures of the library's findings."""

import base64
import io
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from modicum_sis import BatchedGradient, CanvasMismatch, Reason, SisError, Subset, find_subsets
from PIL import Image

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


def test_the_axes_of_the_trace_have_units(finding):
    *pictures, trace = finding.plot(IMAGES[finding.index]).axes
    trace.figure.savefig(io.BytesIO(), format="png")

    shown = [text.get_text() for text in trace.get_xticklabels(which="both") if text.get_text()]
    assert not any(axis.axison for axis in pictures)
    assert {"0%", "100%"} <= set(shown)
    assert all(text.endswith("%") and text[0].isdigit() for text in shown)
    assert (trace.get_xlabel(), trace.get_ylabel()) == ("kept pixels / pixels", "confidence (0 to 1)")


def test_a_finding_prints_as_one_line(finding):
    pixels = finding.subset.mask.numel()
    size = f"{finding.subset.size} of {pixels} pixels ({finding.subset.fraction:.2%})"
    reached = f"confidence {finding.verified_confidence:.2f} in class {finding.target_class}"
    without = replace(finding, subset=None, reason=Reason.NOT_ELIGIBLE)

    assert repr(finding) == f"<Finding image {finding.index}: {size} suffice: {reached}>"
    assert repr(without) == f"<Finding image {finding.index}: no subset: NOT_ELIGIBLE>"


def test_a_notebook_shows_the_mask_its_size_and_its_confidence(finding):
    card = replace(finding, digest="<b>")._repr_html_()

    (address,) = re.findall(r'src="data:image/png;base64,([^"]+)"', card)
    with Image.open(io.BytesIO(base64.b64decode(address))) as opened:
        assert np.array_equal(np.asarray(opened.convert("L")) > 127, finding.subset.mask.numpy())
    assert f"{finding.subset.size} pixels" in card
    assert f"{finding.subset.fraction:.2%} of the pixels" in card
    assert f"{finding.verified_confidence:.2f} in class {finding.target_class}" in card
    assert "&lt;b&gt;" in card
    assert "<b>" not in card


def test_a_card_without_a_subset_says_why_and_has_no_picture(finding):
    card = replace(finding, subset=None, verified_confidence=None, reason=Reason.NOT_FOUND)._repr_html_()

    assert f"image {finding.index}: no subset: NOT_FOUND" in card
    assert "<img" not in card


def test_a_card_is_small_also_for_a_large_canvas(finding):
    large = Subset(torch.rand(2000, 2000, generator=torch.Generator().manual_seed(0)) < 0.5)

    card = replace(finding, subset=large)._repr_html_()

    assert len(card) < 100_000
    assert "finding.plot() draws it" in card


def test_without_matplotlib_a_card_says_what_to_install_and_has_all_else(finding, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.image", raising=False)

    card = finding._repr_html_()

    assert "the picture of a mask needs matplotlib: run pip install matplotlib" in card
    assert f"{finding.subset.size} pixels" in card


def test_the_library_imports_neither_matplotlib_nor_pil():
    code = "import sys, modicum_sis; print([name for name in ('matplotlib', 'PIL') if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
