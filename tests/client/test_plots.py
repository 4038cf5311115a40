"""Figures of findings and results, photographs in findings, and the progress bar."""

import io
import subprocess
import sys
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from modicum import ProgressBar, TransferProgress
from modicum.errors import InvalidArgument
from modicum.findings import finding_of
from modicum.notebooks.markup import MOST_BYTES
from modicum.notebooks.pictures import GREY, kept, photograph_png
from modicum.snapshots import AuditState
from PIL import Image

from tests.client.test_notebooks import Page, result, snapshot, told
from tests.client.test_results import MASK, ROW, UNREADABLE

PICTURE = np.random.default_rng(0).integers(0, 256, (2, 3, 3), dtype=np.uint8)
SEEN = replace(finding_of(ROW), picture=PICTURE)


def texts(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text")))


def ticks(axis):
    """The texts at the ticks of an axis of a figure that was drawn."""
    axis.figure.savefig(io.BytesIO(), format="png")
    shown = [*axis.get_xticklabels(which="both"), *axis.get_yticklabels(which="both")]
    return {text.get_text() for text in shown if text.get_text()}


def images(figure: Figure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for axis in figure.axes for image in axis.get_images()]


def test_a_finding_is_drawn_with_its_photograph_its_subset_and_its_trace():
    figure = SEEN.plot()

    whole, subset = images(figure)
    assert np.array_equal(whole, PICTURE)
    assert np.array_equal(subset[MASK], PICTURE[MASK])
    assert (subset[~MASK] == GREY).all()
    assert "3 of 6 pixels (50%)" in texts(figure)
    assert "confidence 0.91 in class 1" in texts(figure)
    assert len(figure.axes) == 3


@pytest.mark.parametrize(("labels", "name"), [(("cat", "owl"), "owl"), (("cat", "$\\owl"), "$\\owl"), ((), "class 1")])
def test_a_figure_calls_the_class_by_its_name(labels, name):
    figure = replace(SEEN, class_labels=labels).plot()
    figure.savefig(io.BytesIO(), format="png")

    assert f"confidence 0.91 in {name}\n" in texts(figure)
    assert f"confidence in {name}\n" in texts(figure)


def test_the_numbers_at_axes_have_units_and_pictures_have_none():
    whole, subset, trace = SEEN.plot().axes
    (sizes,) = told().plot().axes

    assert not any(axis.axison for axis in (whole, subset))
    assert {"0%", "100%", "0.0", "1.0"} <= ticks(trace)
    assert not any("-" in text or "\N{MINUS SIGN}" in text for text in ticks(trace))
    assert (trace.get_xlabel(), trace.get_ylabel()) == ("kept pixels / pixels", "confidence (0 to 1)")
    assert {"1%", "10%", "100%", "0%", "20%"} <= ticks(sizes)
    assert all(text.endswith("%") for text in ticks(sizes))


def test_a_finding_without_a_photograph_is_drawn_with_its_mask():
    (mask,) = images(finding_of(ROW).plot())

    assert np.array_equal(mask, MASK)


def test_a_grey_photograph_is_drawn_grey():
    whole, _ = images(replace(SEEN, picture=PICTURE[:, :, :1]).plot())

    assert np.array_equal(whole, PICTURE[:, :, 0])


def test_a_finding_without_a_subset_has_nothing_to_plot():
    with pytest.raises(
        InvalidArgument, match=r"b\.jpg: there is no subset to plot: the image cannot be decoded.*; choose a finding"
    ):
        finding_of(UNREADABLE).plot()


def test_the_title_of_a_photograph_shows_that_its_long_name_was_cut():
    figure = replace(SEEN, item=f"Arabian camel/{'n' * 40}.jpg").plot()

    assert figure.axes[0].get_title() == f"...{'n' * 33}.jpg"


def test_a_result_draws_the_sizes_of_its_subsets_beside_those_for_another_class():
    subset = ROW["subset"]
    rows = [{**ROW, "item": f"{size}.png", "subset": {**subset, "size": size, "fraction": size / 6}} for size in (3, 1)]

    (axis,) = replace(told(), findings=tuple(map(finding_of, rows))).plot().axes

    own, other, *_ = axis.get_lines()
    assert own.get_xdata().tolist() == [1 / 6, 1 / 6, 3 / 6]
    assert own.get_ydata().tolist() == [0, 0.5, 1]
    assert other.get_xdata().tolist() == [4 / 6] * 3
    assert [text.get_text() for text in axis.get_legend().get_texts()][:2] == [
        "m/1 (n = 2)",
        "m/1, random other class (n = 2)",
    ]


def test_a_result_without_a_subset_has_nothing_to_plot():
    with pytest.raises(InvalidArgument, match="there is no subset to plot"):
        result(rows=[UNREADABLE]).plot()


def test_a_figure_is_open_nowhere_and_shows_itself_so_that_a_notebook_shows_it_once():
    before = plt.get_fignums()

    with Image.open(io.BytesIO(SEEN.plot()._repr_png_())) as shown:
        assert shown.format == "PNG"
    assert plt.get_fignums() == before


@pytest.mark.long
def test_without_matplotlib_the_error_says_what_to_install():
    code = (
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"
        "from modicum import InvalidArgument\n"
        "from tests.client.test_notebooks import told\n"
        "try:\n"
        "    told().plot()\n"
        "except InvalidArgument as error:\n"
        "    print(error.reason, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout == "MATPLOTLIB_NOT_INSTALLED result.plot() needs matplotlib: run pip install matplotlib\n"


@pytest.mark.parametrize("channels", [1, 3])
def test_the_bytes_of_a_photograph_are_its_pixels(channels):
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, channels), dtype=np.uint8)

    with Image.open(io.BytesIO(photograph_png(pixels))) as opened:
        assert np.array_equal(np.asarray(opened).reshape(pixels.shape), pixels)


def test_the_card_of_a_finding_shows_the_photograph_and_what_is_kept_of_it():
    page = Page(SEEN._repr_html_())

    assert [image["alt"] for tag, image in page.tags if tag == "img"] == [
        "the photograph",
        "the subset: 3 of 6 pixels are kept",
    ]


def test_the_card_of_a_large_photograph_is_small():
    side = np.linspace(0, 255, 400)
    noise = np.random.default_rng(0).normal(0, 6, (400, 300, 3))
    shown = np.clip(side[:, None, None] + noise, 0, 255).astype(np.uint8)
    mask = np.random.default_rng(0).random((400, 300)) < 0.02
    subset = replace(
        SEEN.subset, packed=np.packbits(mask).tobytes(), height=400, width=300, size=int(mask.sum()), fraction=0.02
    )

    html = replace(SEEN, picture=shown, subset=subset)._repr_html_()

    assert html.count("<img") == 2
    assert len(html.encode()) < MOST_BYTES
    assert (kept(shown, subset)[~mask] == GREY).all()


def test_outside_a_notebook_the_bar_prints_its_first_and_its_last_line(capsys):
    bar = ProgressBar()

    for done in range(3):
        bar(TransferProgress(done, 2, done * 1024**2, 2 * 1024**2))

    assert capsys.readouterr().err == "uploaded 0 of 2 files, 0.0 of 2.0 MiB\nuploaded 2 of 2 files, 2.0 of 2.0 MiB\n"


def test_the_bar_says_how_far_an_audit_is(capsys):
    ProgressBar()(snapshot(remaining_seconds=90.0))
    ProgressBar()(snapshot(state=AuditState.SUCCEEDED, remaining_seconds=90.0))

    assert capsys.readouterr().err == (
        "night running: 12 of 40 findings, at most 90 s left\nnight succeeded: 12 of 40 findings\n"
    )
