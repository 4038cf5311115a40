"""The counterfactual set on the page: accuracy in pairs by class, where predictions go, and pictures of pairs."""

import io
from base64 import b64decode

import numpy as np
from PIL import Image

from tests.measures.example_audit import SIDE
from tests.measures.test_measures_counterfactuals import paired, rows, same_picture
from tests.reports.report_pages import page_of, read

TITLE = "What happens without the cue?"


def shade(digest: str) -> bytes:
    """A grey picture; its shade tells originals (dark) from counterfactuals (bright)."""
    data = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (200 if int(digest, 16) >= 500 else 20,) * 3).save(data, "PNG")
    return data.getvalue()


def section_of(page: str) -> str:
    return page.split(TITLE)[1].split("</section>", maxsplit=1)[0]


def test_the_tables_say_what_each_class_loses_and_where_its_predictions_go():
    page = page_of(rows(), counterfactual=paired())

    said = read(page)
    assert not said.unbalanced
    assert said.pictures_without_text == 0
    assert "cat accuracy falls 20 100% 0% 100" in said.text
    assert "dog accuracy holds 20 100% 100% 0" in said.text
    assert "owl 20" in said.text.split("Their counterfactuals are predicted")[1]


def test_pairs_are_shown_with_both_pictures_and_both_predictions():
    section = section_of(page_of(rows(), counterfactual=paired(), load_image=shade))

    uris = [part.split('"')[0] for part in section.split('<img src="')[1:]]
    shades = [np.asarray(Image.open(io.BytesIO(b64decode(uri.split(",")[1]))).convert("L"))[0, 0] for uri in uris]
    assert shades == [20, 200] * 12
    assert "image-57.png: <b>cat</b> 0.957" in section
    assert "its counterfactual: <b>owl</b> (cat 0.100)" in section


def test_a_pair_whose_picture_is_no_longer_stored_is_left_out():
    section = section_of(page_of(rows(), counterfactual=paired(), load_image=lambda _: None))

    assert "<img" not in section
    assert "accuracy falls" in section


def test_images_without_a_partner_or_a_prediction_are_named():
    given = paired(pairs=range(40), failed=(2,), unpaired=[f"image-{n}.png" for n in range(40, 70)])

    said = read(page_of(rows(), counterfactual=given)).text

    assert "40 of 70 images have a counterfactual in changed." in said
    assert "image-59.png and 10 more." in said
    assert "image-2.png (the image cannot be read, or it does not fit the input)" in said


def test_pairs_of_the_same_picture_are_counted_apart():
    said = read(page_of(rows(), counterfactual=same_picture(paired(), range(30)))).text

    assert "60 of 60 images have a counterfactual in changed. In 30 pairs both pictures are the same. The" in said
    assert "all pairs accuracy falls 30 100%" in said


def test_without_labels_there_is_no_table_of_accuracy():
    section = section_of(page_of(rows(labels=False), counterfactual=paired()))

    assert "Accuracy on originals" not in section
    assert "Original is predicted" in section


def test_a_page_without_a_counterfactual_set_has_no_section_for_it():
    assert TITLE not in page_of(rows())


def test_the_page_says_once_that_cues_without_a_place_are_not_looked_for():
    assert page_of(rows(), counterfactual=paired()).count("The spot test does not look for cues without a place") == 1
