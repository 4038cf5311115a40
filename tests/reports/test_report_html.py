"""The HTML report says what was found, shows it, and is safe to open."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas, Fill, Search, SearchMethod
from modicum_server.reports import render_html

from tests.measures.example_audit import (
    OTHER_VERSION,
    SEARCH,
    SIDE,
    VERSION,
    controls,
    document_and_rows,
    failed,
    finding,
    mixed_findings,
    not_eligible,
)
from tests.reports.report_pages import card_of, page_of, photograph, read

HOSTILE = "<script>alert('&\"x')</script>"
FEW = [finding(place, 2, controls=controls(4, black=True)) for place in range(12)]
BASELINE = [finding(0, 0, baseline_confident=True)]
WITHOUT_FILL = finding(1, None, reason=FindingReason.FILL_UNAVAILABLE, trace=None)


@pytest.mark.long_after(4)
@pytest.mark.parametrize(
    "findings",
    [mixed_findings(), FEW, [], [not_eligible(0)], [failed(0)], BASELINE, [not_eligible(0), WITHOUT_FILL]],
    ids=["mixed", "searched", "empty", "no eligible image", "all failed", "baseline-confident", "no fill"],
)
def test_a_page_is_balanced_self_contained_and_has_alternative_texts(findings):
    page = page_of(findings)

    seen = read(page)
    assert seen.unbalanced == []
    assert seen.pictures_without_text == 0
    assert seen.elements.count("script") == 1
    assert seen.forbidden == []
    assert all(address.startswith(("data:image/", "#")) for address in seen.addresses)
    assert not re.search(r"https?://|url\(", page)
    assert len(seen.ids) == len(set(seen.ids))


def test_every_reference_within_a_page_has_a_target():
    seen = read(page_of(FEW))

    inner = {address[1:] for address in seen.addresses if address.startswith("#")}
    assert inner <= set(seen.ids)


def test_names_are_escaped():
    hostile = [replace(one, item=HOSTILE) for one in (finding(0), not_eligible(1), failed(2))]

    page = page_of(hostile, labels=(HOSTILE, HOSTILE, HOSTILE))

    assert page.count("<script") == 1
    assert read(page).elements.count("script") == 1
    assert HOSTILE in read(page).text


def test_the_headline_gives_the_rate_its_interval_and_its_companion():
    text = read(page_of(FEW)).text

    assert "For 100% of the images that were searched, 5% of the pixels or fewer suffice" in text
    assert "That is 12 of 12 (95% interval 76% to 100%). A stronger search may find more such images." in text
    assert (
        "the same search finds that 5% of the pixels suffice on 0% of 12 images (95% interval 0% to 24%), clearly less "
        "often."
    ) in text
    assert "The median subset holds 3.1% of the pixels" in text


def test_rates_whose_intervals_overlap_are_described_and_no_difference_is_claimed():
    text = read(page_of([finding(place, 2, controls=controls(3, black=True)) for place in range(12)])).text

    assert (
        "on 100% of 12 images (95% interval 76% to 100%); the two shares have images in common and their intervals "
        "overlap, so no difference is claimed."
    ) in text


def test_a_search_without_a_gradient_is_said_and_no_other():
    findings = [finding(place) for place in range(12)]
    sentence = "This version has no useful gradient. Its subsets come from a search by forward passes alone"

    assert sentence in read(page_of(findings, gradient_free=[VERSION])).text
    assert sentence not in read(page_of(findings)).text


def test_the_page_says_how_the_passes_of_a_search_ran():
    used = {
        "folded": 14,
        "dtype": "bfloat16",
        "difference": 0.01,
        "declined": "",
        "compiled": True,
        "graphs": False,
        "margin_difference": 0.02,
        "aim": 0.06,
    }
    findings = [finding(place) for place in range(2)]

    fast = read(page_of(findings, acceleration={VERSION: used})).text
    plain = read(
        page_of(findings, acceleration={VERSION: {**used, "dtype": "float32", "aim": 0.0, "declined": "no folding"}})
    ).text

    assert "bfloat16, 14 batch norms folded, compiled, aimed 0.06 log-odds above the threshold" in fast
    assert "float32, 14 batch norms folded, compiled; declined: no folding" in plain
    assert "Search passes of" not in read(page_of(findings)).text


def test_an_image_within_the_limit_that_was_set_is_shown():
    findings = [finding()]

    assert "The image is no longer stored" not in page_of(findings, max_image_pixels=SIDE * SIDE)
    assert "The image is no longer stored" in page_of(findings, max_image_pixels=SIDE * SIDE - 1)


def test_another_class_that_the_bare_fill_argues_for_is_said_in_words():
    text = read(page_of([finding(controls=controls(0))])).text

    assert "dog: the bare fill alone suffices" in text


def test_a_share_below_one_per_cent_of_a_step_is_not_rounded_to_nothing():
    search = Search(SearchMethod.BACKSELECT, 0.9, fraction=0.005)

    assert "0.50% removed per step" in read(page_of([finding()], searches=(search,))).text


def test_the_page_says_that_there_are_too_few_images():
    text = read(page_of([finding(place, 2) for place in range(4)])).text

    assert "For 4 of the 4 images that were searched" in text
    assert "An interval and a verdict need at least 10" in text
    assert "It is not known how much of this the mask itself does: the class_targeted control ran on no image." in text


@pytest.mark.parametrize(
    ("findings", "sentence"),
    [
        ([], "There were no images to audit."),
        ([not_eligible(0)], "On none of the 1 images does the model's confidence reach the threshold of 0.9."),
        ([failed(0), failed(1)], "All 2 images failed; the reasons are listed below."),
        (BASELINE, "the bare fill alone reaches the threshold of 0.9"),
        (
            [not_eligible(0), WITHOUT_FILL],
            "The 1 image that is eligible could not be searched; the reasons are listed below.",
        ),
    ],
    ids=["empty", "no eligible image", "all failed", "baseline-confident", "no fill"],
)
def test_an_audit_that_searched_nothing_says_why(findings, sentence):
    text = read(page_of(findings)).text

    assert "No image could be searched, so this audit says nothing about overinterpretation." in text
    assert sentence in text


def test_images_without_a_result_are_told_under_the_title():
    assert "2 images audited (1 without a result)," in read(page_of([finding(0), failed(1)])).text
    assert "without a result" not in read(page_of([finding(0)])).text


def test_an_eligible_image_without_a_fill_is_counted_among_the_failed_alone():
    without_fill = replace(WITHOUT_FILL, position=3, image_digest="3" * 64)

    text = read(page_of([finding(0), finding(1), not_eligible(2), without_fill])).text

    assert "Of 4 images, 1 not confident enough to be searched; 1 failed." in text


def test_images_without_a_subset_are_listed_with_their_reason():
    text = read(page_of(mixed_findings())).text

    assert "below the threshold on the whole image, so not searched" in text
    assert "the image cannot be read, or it does not fit the input" in text
    assert "the model's process died on this image" in text
    assert "nothing smaller than the whole image was found within the budget" in text
    assert "the bare fill alone reaches the threshold" in text


def test_a_card_shows_photograph_subset_mask_and_place_and_what_the_controls_said():
    page = page_of([finding(0, 2, label=1, controls=controls(5, black=False, predicted_size=2))])

    card = card_of(page)
    assert card.count("<svg") == 4
    text = read(card).text
    for words in ("3.1% 2 pixels", "cat", "labelled dog", "0.970", "0.920", "dog: 5 pixels, 2.5 times the size"):
        assert words in text
    assert "black does not suffice, confidence 0.200" in text


def test_a_large_gallery_is_bounded_and_says_so():
    findings = [finding(place, 1 + place % 60, target_class=place % 3) for place in range(200)] + [
        not_eligible(place) for place in range(200, 300)
    ]

    page = page_of(findings)

    assert page.count('<article class="card') == 72
    text = read(page).text
    assert "200 subsets were found; 72 of them are shown. 48 are the smallest of each class in turn" in text
    assert "24 are those nearest the median size" in text
    assert "The first 60 of 100." in text


def test_the_gallery_runs_from_the_smallest_to_the_largest():
    page = page_of([finding(0, 9), finding(1, 2), finding(2, 5)])

    assert re.findall(r'class="fraction"><b>[^<]*</b> (\d) pixels', page) == ["2", "5", "9"]


@pytest.mark.parametrize("load_image", [lambda digest: None, lambda digest: b"no picture"], ids=["gone", "broken"])
def test_an_image_that_cannot_be_shown_leaves_its_mask(load_image):
    page = page_of([finding(0, 2), not_eligible(1)], load_image=load_image)

    assert "The image is no longer stored" in page
    assert page.count('<svg class="mask"') == 1
    assert read(page).unbalanced == []


def test_without_an_input_specification_masks_are_shown_alone():
    assert page_of([finding(0, 2)], inputs=None).count('<svg class="mask"') == 1


@pytest.mark.long_after(3)
@pytest.mark.parametrize("fill", list(Fill))
def test_every_fill_has_a_picture_of_the_subset(fill):
    page = page_of([finding(0, 2)], searches=(replace(SEARCH, fill=fill),))

    assert card_of(page).count("<figure><svg") == 4
    assert ("the fill is shown as grey" in page) == (fill in {Fill.NOISE, Fill.MARGINAL})


def test_a_grey_canvas_with_other_bounds_is_shown():
    grey = InputSpecification(1, 8, 8, -1.0, 1.0, 0, "bilinear", (0.0,), (1.0,), (-1.0,))

    assert card_of(page_of([finding(0, 2)], inputs=grey)).count("<figure><svg") == 4


def test_an_array_of_many_channels_is_shown_and_its_caption_says_how(monkeypatch):
    assert "the mean of its" not in page_of([finding(0, 2), not_eligible(1)])
    monkeypatch.setattr("tests.measures.example_audit.CANVAS", Canvas(13, 8, 8))
    many = InputSpecification(13, 8, 8, 0.0, 1.0, 0, "bilinear", (0.5,) * 13, (1.0,) * 13)
    values = io.BytesIO()
    np.save(values, np.arange(8 * 8 * 13, dtype=np.uint16).reshape(8, 8, 13))

    page = page_of([finding(0, 2), not_eligible(1)], inputs=many, load_image=lambda _: values.getvalue())

    assert card_of(page).count("<figure><svg") == 4
    assert "Photograph (the mean of its 13 channels, stretched from black to white)" in page
    assert "Each is shown as the mean of its 13 channels" in page


def test_unlabelled_images_have_neither_accuracy_nor_a_plot_by_correctness():
    text = read(page_of([finding(place, 2, label=None) for place in range(3)], labels=())).text

    assert "Subset fraction by correctness" not in text
    assert "no image with a label was scored" in text
    assert "class 0" in text


def test_the_page_defines_pass_equivalents_where_it_first_uses_them():
    before, after = read(page_of([finding()])).text.split("pass-equivalents", maxsplit=1)

    assert "pass-equivalent" not in before
    assert after.startswith(" (a forward pass of one image counts 1, a backward pass 2)")


def test_the_glossary_gives_the_rule_of_the_spot_test_and_its_limits():
    entry = read(page_of([finding()])).text.split("Spot test ", maxsplit=1)[1]

    outcomes = ("SUFFICIENT", "above 0.10", "DECISIVE", "above 0.20", "Holm", "NONE_FOUND", "below 0.20", "Student's t")
    assert [entry.index(said) for said in outcomes] == sorted(entry.index(said) for said in outcomes)


@pytest.mark.parametrize(("mistakes", "shown"), [(9, False), (10, True)])
def test_a_plot_by_correctness_needs_ten_misclassified_images(mistakes, shown):
    findings = [finding(place, 2, label=int(place < mistakes)) for place in range(20)]

    assert ("Subset fraction by correctness" in read(page_of(findings)).text) is shown


def test_several_versions_and_searches_stand_side_by_side():
    searches = (SEARCH, replace(SEARCH, fill=Fill.BLACK))
    findings = [
        finding(place, 2, model_version=name, search_index=index)
        for name in (VERSION, OTHER_VERSION)
        for index in (0, 1)
        for place in range(3)
    ]

    seen = read(page_of(findings, versions=(VERSION, OTHER_VERSION), searches=searches))

    assert "Side by side" in seen.text
    assert "In pairs, on the same images" in seen.text
    assert "Ratio of subset fractions" in seen.text
    assert "tiny, version 2" in seen.text
    assert {f"model-{model}-search-{search}" for model in (1, 2) for search in (1, 2)} <= set(seen.ids)


def test_equal_arguments_give_equal_bytes():
    assert page_of(mixed_findings()) == page_of(mixed_findings())


def test_rows_may_come_from_an_iterator():
    document, rows = document_and_rows(FEW)

    page = render_html(document, iter(rows), photograph, inputs={}, labels={})

    assert page.decode().count('<article class="card') == 12


def test_every_parameter_that_influenced_the_numbers_is_printed():
    document, _ = document_and_rows(FEW)
    text = read(page_of(FEW)).text

    for value in (
        document["specification_digest"],
        document["findings"]["digest"],
        "torch 2.4",
        "seed 7",
        "600 pass-equ",
    ):
        assert value.lower() in text.lower()


def test_a_page_tells_what_people_see_and_by_which_answers():
    review = {
        "name": "projects/default/audits/a/reviews/r",
        "model_version": VERSION,
        "search_index": 0,
        "largest_fraction": 0.05,
        "outcome": "CONFIRMED",
        "text": "People do not see the predicted class in <b>subsets</b>.",
        "answers": 1072,
        "digest": "d" * 64,
    }
    document, rows = document_and_rows(FEW)

    reviews = [review, {**review, "outcome": "SEEN", "answers": 72}]
    told = render_html({**document, "reviews": reviews}, rows, lambda _: None, inputs={}, labels={}).decode()
    without = render_html(document, rows, lambda _: None, inputs={}, labels={}).decode()

    assert "Do people see anything in the subsets?" in told
    assert "in &lt;b&gt;subsets&lt;/b&gt;." in told
    assert "1,072 answers of a blind review of tiny, version 1, with subsets of at most 5.0% of the pixels" in told
    assert "72 answers of a blind review" in told.replace("1,072", "")
    assert "d" * 64 in told
    assert read(told).unbalanced == []
    assert "blind review" not in without
