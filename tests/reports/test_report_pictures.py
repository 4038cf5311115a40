"""Layers, outlines, plots and the JSON report."""

import io
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from modicum_server.measures.number_words import confidence_text
from modicum_server.reports import panels, plots
from modicum_sis.images.fills import BLUR_SIGMAS_PER_SIDE
from PIL import Image

from tests.measures.example_audit import INPUT

MASK = np.array([[True, True, False], [False, False, False], [False, False, True]])


def opened(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(b64decode(uri.split(",")[1]))).convert("RGBA"))


def test_the_fill_layer_covers_what_is_masked_and_nothing_else():
    layer = opened(panels.fill_layer_uri(MASK, (128, 127, 126)))

    assert (layer[..., 3] == np.where(MASK, 0, 255)).all()
    assert (layer[~MASK][:, :3] == (128, 127, 126)).all()


def test_the_page_blurs_as_the_library_does():
    assert panels.BLUR_SIGMAS_PER_SIDE == BLUR_SIGMAS_PER_SIDE


def test_the_mask_is_ink_where_a_pixel_is_kept():
    picture = opened(panels.mask_uri(MASK))

    assert (picture[MASK][:, :3] == panels.MASK_INK).all()
    assert (picture[~MASK][:, :3] == panels.MASK_PAPER).all()


def test_an_outline_runs_along_every_edge_once():
    assert panels.outline(np.array([[False, False], [False, True]])) == "M1 1h1M1 2h1M1 1v1M2 1v1"
    assert panels.outline(np.array([[True, True]])) == "M0 0h2M0 1h2M0 0v1M2 0v1"
    assert panels.outline(np.zeros((3, 3), dtype=bool)) == ""


def test_an_outline_that_would_hide_what_it_surrounds_is_left_out():
    chequered = np.indices((224, 224)).sum(axis=0) % 2 == 0

    assert panels.outline(chequered) == ""


def test_a_small_photograph_keeps_every_pixel():
    values = np.random.default_rng(0).random((3, 8, 8), dtype=np.float32)
    pixels = panels.photograph(values, panels.toning_of(values, INPUT))

    assert (opened(panels.photograph_uri(pixels))[..., :3] == pixels).all()


def test_many_channels_are_shown_as_their_mean_from_black_to_white_and_the_fill_beside_it():
    ramp = np.linspace(0.4, 0.6, 5, dtype=np.float32)
    values = np.stack([np.tile(ramp + offset, (3, 1)) for offset in (-0.1, 0.0, 0.0, 0.1)])
    given = replace(INPUT, channels=4, mean=(0.4, 0.5, 0.5, 0.6), std=(0.25,) * 4)

    toning = panels.toning_of(values, given)
    pixels = panels.photograph(values, toning)

    assert pixels.shape == (3, 5, 3)
    assert pixels[0, :, 0].tolist() == pytest.approx([0, 64, 128, 191, 255], abs=1)
    assert panels.fill_colour("mean", given, toning) == pytest.approx((128,) * 3, abs=1)
    assert panels.fill_colour("black", given, toning) == (0, 0, 0)
    assert panels.fill_colour("white", given, toning) == (255, 255, 255)
    assert panels.fill_colour("noise", given, toning) is None


def test_an_even_image_of_many_channels_is_shown_within_the_bounds():
    values = np.full((4, 3, 5), 0.25, np.float32)

    assert set(panels.photograph(values, panels.toning_of(values, INPUT)).ravel()) == {64}


@pytest.mark.parametrize(
    ("confidence", "text"), [(0.9, "0.900"), (0.99951, "> 0.999"), (1.0, "1.000"), (None, "not a number")]
)
def test_a_confidence_is_never_rounded_up_to_one(confidence, text):
    assert confidence_text(confidence) == text


@given(st.lists(st.floats(1e-5, 1), min_size=1, max_size=400))
def test_every_value_of_a_plot_lies_within_the_drawing(fractions):
    drawing = plots.strips([plots.Values("all", "first", tuple(fractions))], 0.05)

    (lane,) = drawing.lanes
    assert bool(lane.dots) != bool(lane.bars)
    assert all(0 <= x <= plots.WIDTH and 0 <= y <= drawing.height for x, y in lane.dots)
    assert all(0 <= x <= plots.WIDTH and y >= 0 for x, y, _ in lane.bars)
    assert not lane.dots or len(lane.dots) == len(fractions)


def test_values_that_found_nothing_are_counted_in_words():
    drawing = plots.strips([plots.Values("other", "second", (0.1, 0.1, float("inf")))], 0.05)

    assert drawing.lanes[0].note == "n = 3, median 10%, 1 not found"


def test_without_values_there_is_no_plot():
    assert plots.strips([plots.Values("none", "first", ())], 0.05) is None
    assert plots.scatter([(0.1, float("nan"), "first")], 0.9, 0.05) is None
