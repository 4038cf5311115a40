"""The slider that plays how pixels are removed: its steps are the finding's masks, and it works by keyboard alone."""

import io
import re
import zlib
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from modicum_server.domain.findings import Narrowing
from modicum_server.domain.searches import Fill
from modicum_server.reports.narrowing import steps_of
from PIL import Image

from tests.measures.example_audit import SEARCH, finding, subset
from tests.reports.report_pages import page_of

GREY = (128, 128, 128)


def narrowed(*sizes: int, **changes):
    """An image of which so many pixels were kept on the way to three."""
    masks = zlib.compress(b"".join(subset(size).mask for size in sizes))
    confidences = tuple(0.95 - place / 100 for place in range(len(sizes)))
    return finding(0, 3, narrowing=Narrowing(sizes, confidences, masks), **changes)


def kept(layer: str) -> np.ndarray:
    """Where a layer lets the photograph through."""
    picture = Image.open(io.BytesIO(b64decode(layer.split(",")[1]))).convert("RGBA")
    return np.asarray(picture)[..., 3] == 0


def test_the_steps_go_from_the_whole_image_over_each_mask_to_the_subset():
    steps = steps_of(narrowed(32, 10), GREY)

    assert [step.text for step in steps] == [
        "64 pixels (100%), confidence 0.970",
        "32 pixels (50%), confidence 0.950",
        "10 pixels (16%), confidence 0.940",
        "3 pixels (4.7%), confidence 0.920",
    ]
    assert [kept(step.layer).sum() for step in steps[1:-1]] == [32, 10]
    assert kept(steps[1].layer).ravel()[:32].all()


def test_without_masks_on_the_way_there_are_no_steps():
    assert steps_of(finding(0, 3), GREY) == ()
    assert "data-layers" not in page_of([finding(0, 3)])


def test_compressed_bytes_that_hold_more_than_is_stated_are_not_read_on():
    masks = zlib.compress(subset(32).mask + bytes(10_000_000))

    steps = steps_of(finding(0, 3, narrowing=Narrowing((32,), (0.95,), masks)), GREY)

    assert len(steps) == 3


@pytest.mark.parametrize(
    ("image", "fill"), [(None, Fill.MEAN), ("stored", Fill.BLUR)], ids=["no image", "a fill that is a picture"]
)
def test_a_card_whose_picture_cannot_be_layered_has_no_slider(image, fill):
    searches = (replace(SEARCH, fill=fill),)
    page = page_of([narrowed(32)], searches=searches, **({} if image else {"load_image": lambda _: None}))

    assert "data-layers" not in page


@pytest.mark.acceptance
def test_the_slider_is_moved_by_the_keyboard_and_says_pixels_and_confidence(browser, tmp_path: Path):
    file = tmp_path / "report.html"
    file.write_text(page_of([narrowed(32, 10)]), encoding="utf-8")
    page = browser.new_page()
    page.goto(file.as_uri())
    slider = page.get_by_label(re.compile("Pixels are removed"))
    layer = page.locator(".card .layer")
    shown, texts = [layer.get_attribute("href")], [slider.get_attribute("aria-valuetext")]

    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
        shown.append(layer.get_attribute("href"))
        texts.append(slider.get_attribute("aria-valuetext"))
    page.keyboard.press("End")

    assert texts[0].startswith("3 pixels")
    assert texts[-1].startswith("64 pixels")
    assert page.locator(".narrowing output").inner_text() == texts[0]
    assert [kept(one).sum() for one in shown[:-1]] == [3, 10, 32]
    assert shown[-1] is None, "the whole image has no layer above it"
    assert layer.get_attribute("href") == shown[0]
    page.close()
