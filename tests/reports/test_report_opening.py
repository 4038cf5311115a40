"""The first screen: what was found, what to do next, and pictures."""

import re
from dataclasses import replace

import pytest
from modicum.gate.catalogue import known_rules
from modicum.gate.spot_rule import SpotOutcome
from modicum.gate.tones import SHAPES, TONES, Tone, tag_of
from modicum_server.domain.models import Ensemble
from modicum_server.domain.searches import Control, ControlPlan
from modicum_server.domain.spots import SpotKind, SpotPlace, SpotRow
from modicum_server.domain.verdicts import VerdictOutcome

from tests.measures import test_measures_counterfactuals as pairs
from tests.measures.example_audit import OTHER_VERSION, PLANS, VERSION, controls, finding, not_eligible
from tests.reports.report_pages import page_of, read
from tests.reports.spot_rows import CAT_IMAGES, CORNER, FINDINGS, NOTHING, PATTERN, bright, outcomes, rows
from tests.reports.test_report_counterfactuals import shade

FEW = [finding(place, 2, label=place % 2, controls=controls(4, black=True)) for place in range(12)]


def opening_of(page: str) -> str:
    return page.split('<section class="opening', maxsplit=1)[1].split("</section>", maxsplit=1)[0]


def said(findings, **audit) -> str:
    return read(f'<section class="opening{opening_of(page_of(findings, **audit))}</section>').text


def test_the_first_screen_of_a_spot_that_decides_shows_the_spot_and_its_swap():
    page = opening_of(page_of(FINDINGS, load_image=bright, spots=rows()))

    text = said(FINDINGS, load_image=bright, spots=rows())
    assert text.startswith("decisive The decision for “cat” follows one small spot.")
    assert (
        "Pasted onto 20 other pictures, the spot (2 by 3 pixels) turns 100% of them into “cat”. A "
        "random spot of its size turns 0% (difference: 85 to 100 percentage points, 95% interval)." in text
    )
    assert (
        "With the spot covered, 100% of the pictures lose “cat”. With a random spot of its size, 0% do (difference: 85 "
        "to 100 percentage points, 95% interval, over 20 pictures)." in text
    )
    assert "Of models that follow no spot, at most 5% would be named by mistake." in text
    assert "What to do next. Look at the outlined spot: does it belong to the class?" in text
    assert "Counterfactual set not given" in text
    assert page.count("<figure>") == 4
    assert [*re.findall(r"<b>([^<]*)</b> [ai]", page)] == [
        "model says cat",
        "not cat in 1 of 1 tries",
        "model says dog",
    ]
    assert "the spot pasted onto it: 1 of 1 tries; with a random spot of its size: 0 of 1" in text


def test_a_pattern_is_told_beside_the_same_one_filled_from_other_pictures():
    text = said(FINDINGS, load_image=bright, spots=rows(PATTERN))

    assert "the spot (a pattern of 2 pixels) turns 100% of them into “cat”" in text
    assert "“cat”. The same pattern copied from another class turns 0%" in text
    assert "lose “cat”. With the same pattern covered from its own class, 0% do (difference: 85 to 100" in text
    assert "1 of 1 tries; with the same pattern copied from another class: 0 of 1" in text
    assert (
        "its spot covered with pixels of other pictures; with the same pattern covered from its own class: 0 of 1"
        in text
    )


def test_a_ring_is_told_beside_a_band_further_in():
    text = said(FINDINGS, load_image=bright, spots=rows(SpotPlace(SpotKind.RING, 1, 1)))

    assert "“cat”. A band of about its area nearer the middle turns 0%" in text
    assert "1 of 1 tries; with a band of about its area nearer the middle: 0 of 1" in text
    assert "a random spot" not in text


def test_a_spot_that_is_enough_is_not_said_to_be_needed():
    (trial,) = rows()[VERSION][1].trials
    tested = rows()[VERSION]
    spots = {VERSION: [tested[0], replace(tested[1], trials=(replace(trial, covered=outcomes(follow=False)),))]}

    text = said(FINDINGS, spots=spots)

    assert text.startswith("sufficient One small spot can turn other pictures into “cat”.")
    assert "With the spot covered" not in text


def test_a_decisive_class_shows_its_decisive_place_and_no_pattern_that_could_not_be_covered():
    """The class is DECISIVE by each picture's own window, though copies of the pattern are followed more often."""
    tested = rows(PATTERN)[VERSION]
    pattern = replace(tested[1].trials[0], covered=NOTHING)
    seen = replace(pattern.pasted, here=(True,) * 15 + (False,) * 5)
    own = replace(pattern, place=SpotPlace(SpotKind.OWN, 2, 3), pasted=seen, covered=outcomes(follow=True))
    spots = {VERSION: [tested[0], replace(tested[1], trials=(pattern, own))]}

    text = said(FINDINGS, spots=spots)
    page = read(page_of(FINDINGS, spots=spots)).text

    assert text.startswith(
        "decisive The decision for “cat” often follows a small spot, at a place chosen for each picture."
    )
    assert "the spot (2 by 3 pixels, elsewhere in each) turns 75% of them into “cat”" in text
    assert "With the spot covered, 100% of the pictures lose “cat”" in text
    assert "The decision for cat follows a spot of 2x3 pixels at a place chosen for each picture" in page
    assert "When it is covered, 100% of the pictures lose cat" in page


def test_where_nothing_was_found_that_is_said_with_the_three_smallest_subsets():
    cats = rows(follow=False)[VERSION][1]
    spots = {VERSION: [replace(cats, target_class=None, sources=40), cats, replace(cats, target_class=1)]}

    page = page_of(FINDINGS, load_image=bright, spots=spots)

    text = said(FINDINGS, load_image=bright, spots=spots)
    assert text.startswith("none found No small spot was found that decides a class. The test looked at 40 images.")
    assert "No counterfactual set was given, so a texture or a colour cast was not tested." in text
    assert "The edge and the background were not tested." in text
    assert "What to do next. To test the edge and the background, add the control “shortcut”" in text
    assert "For a texture or a colour cast, audit with a counterfactual set" in text
    assert "Nearly every network has such small subsets, good ones too, so they are no fault by themselves." in text
    assert opening_of(page).count("<figure>") == 6
    assert "model still says cat 3 pixels (4.7%) alone, confidence 0.920" in text


@pytest.mark.parametrize(
    ("tested", "told"),
    [
        (
            True,
            "none found No small spot was found that decides the one class tested. 1 predicted class has too few",
        ),
        (
            False,
            "none found with classes pooled No small spot was found, but no class was tested by itself. 2 predicted",
        ),
    ],
)
def test_classes_that_were_not_tested_do_not_read_as_cleared(tested, told):
    cats = rows(follow=False)[VERSION][1]
    spots = {VERSION: [replace(cats, target_class=None, sources=40), *([cats] if tested else [])]}

    text = said(FINDINGS, load_image=bright, spots=spots)

    assert text.startswith(told)
    assert "to mend" not in text
    assert "For a texture or a colour cast, audit with a counterfactual set" in text
    assert "A class gets a test of its own if the model predicts it for 8 images or more." in text
    assert ("Small spots none found with classes pooled" in text) is not tested


def test_the_first_screen_says_that_most_images_could_not_be_searched():
    findings = [*FINDINGS[:8], *map(not_eligible, range(8, 40))]

    few, enough = said(findings, spots=rows()), said([*FINDINGS[:30], *map(not_eligible, range(30, 40))], spots=rows())

    assert "32 of 40 images were not confident enough to be searched." in few
    assert "confident enough to be searched" not in enough.split("What was tested")[0]


def test_what_is_not_settled_says_how_many_images_would_settle_it():
    pooled, cat = rows()[VERSION][:2]
    some = replace(cat.trials[0].pasted, here=(True,) * 3 + (False,) * 17)
    spots = {VERSION: [pooled, replace(cat, trials=(replace(cat.trials[0], pasted=some, covered=NOTHING),))]}

    text = said(FINDINGS, spots=spots)

    assert text.startswith("inconclusive It is not settled whether a small spot decides a class.")
    assert "images do not settle this for “cat”." in text
    first = (
        "would show that no spot decides, if they are like these. For “cat”, more images may instead show that a spot"
    )
    assert re.search(rf"Audit more images\. About [\d,]+ of each class {first} decides\. Until then", text)


def test_a_class_of_which_no_number_of_such_images_would_settle_it_is_named():
    """Of the cats a spot moves few, and of the dogs so many that more like them would never be fewer than a fifth."""
    (trial,) = rows()[VERSION][1].trials
    tested = [rows()[VERSION][0]]
    for target, followed in ((0, 3), (1, 5)):
        pasted = replace(trial.pasted, here=tuple(place < followed for place in range(20)))
        tested.append(SpotRow(target, 20, (replace(trial, pasted=pasted, covered=NOTHING),)))

    text = said(FINDINGS, spots={VERSION: tested})

    assert text.startswith("inconclusive It is not settled whether a small spot decides a class.")
    none = "For “dog”, more images like these would not show that no spot decides; they may show that one does."
    first = "For “cat”, more images may instead show that a spot decides."
    assert f"if they are like these. {first} {none} Until then" in text


def test_without_a_test_of_spots_the_subsets_are_told_and_what_to_ask_for():
    text = said(FEW)

    assert text.startswith(
        "no outcome On 100% of the searched images, 5% of the pixels or fewer are enough for the same answer."
    )
    assert "What to do next. Add the control “spot”" in text
    assert "Small spots not tested" in text


def test_a_test_of_spots_that_had_too_few_images_says_how_many_it_takes():
    text = said(FEW, plans=(*PLANS, ControlPlan(Control.SPOT)))

    assert text.startswith("no outcome Small spots were not tested. On 100% of the searched images,")
    assert "What to do next. Audit at least 30 images in all, of two or more predicted classes." in text


def test_an_audit_that_searched_nothing_says_what_to_change():
    text = said([not_eligible(place) for place in range(3)])

    assert text.startswith("no outcome No image could be searched")
    assert re.search(r"None of 3 images reached the threshold of 0\.\d+, so none was searched\.", text)
    assert re.search(
        r"What to do next\. Check first that .* At a threshold of 0\.\d, \d of 3 images would be eligible", text
    )


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("lost", "title"), [((True,) * 20, "not cat in 1 of 1 tries"), (None, None)])
def test_the_covered_picture_says_in_how_many_tries_the_class_was_lost(lost, title):
    (trial,) = rows()[VERSION][1].trials
    covered = NOTHING if lost is None else replace(trial.covered, here=lost)
    tested = rows()[VERSION]
    spots = {VERSION: [tested[0], replace(tested[1], trials=(replace(trial, covered=covered),))]}

    page = opening_of(page_of(FINDINGS, load_image=bright, spots=spots))

    assert page.count("<figure>") == (3 if title is None else 4)
    assert title is None or f"<b>{title}</b>" in page


def test_a_loss_of_accuracy_is_told_with_pairs_of_pictures():
    page = page_of(pairs.rows(), counterfactual=pairs.paired(), load_image=shade)

    text = read(f'<section class="opening{opening_of(page)}</section>').text
    assert text.startswith(
        "accuracy falls Without the cue, accuracy falls. On the 20 pairs of “cat”, accuracy falls from 100% to 0%."
    )
    assert "What to do next. Decisions rest on the difference between the two pictures of a pair." in text
    assert "model says owl its counterfactual" in text
    assert opening_of(page).count("<figure>") == 4


def test_several_versions_open_with_one_table_one_chart_and_the_worst_in_pictures():
    findings = [finding(place, 3, model_version=name) for name in (VERSION, OTHER_VERSION) for place in range(12)]

    page = page_of(findings, versions=(VERSION, OTHER_VERSION))

    opening = opening_of(page)
    assert opening.count("<table") == opening.count('<div class="ranges"') == 1
    assert re.findall(r'<th scope="row"><a href="#model-\d-search-1">([^<]*)</a>', opening) == [
        "version 1",
        "version 2",
    ]
    assert page.count('<details class="result"') == 2
    assert "tiny, 2 versions on the data set few" in read(page).text
    text = read(f'<section class="opening{opening}</section>').text
    assert "What was tested of version 1: Small spots not tested Accuracy lost with the edge" in text
    assert "The summary in full" not in page
    assert page.count("Not tested: whether a small spot decides") == 2, "each version's own stands in its part"


def ensemble_page(**audit) -> str:
    names = [f"projects/default/models/{name}/versions/1" for name in ("a", "b", "both")]
    findings = [finding(place, 3 + 3 * (name is names[2]), model_version=name) for name in names for place in range(12)]
    return page_of(findings, versions=names, sources={names[2]: Ensemble(tuple(names[:2]))}, **audit)


def test_an_ensemble_opens_with_what_its_check_says_and_what_settles_it():
    page = ensemble_page()

    text = read(f'<section class="opening{opening_of(page)}</section>').text
    assert text.startswith("inconclusive It is open whether the ensemble “both” mitigates overinterpretation.")
    assert "It needs 2.00 times as many pixels of an image as its members do, on average (95% interval" in text
    assert "2.00). To count as mitigated, it must lie above 1.1." in text
    assert "Open: fewer than 30 images were searched with the ensemble and all members (12); the members were" in text
    assert "What to do next. Audit about 189 images; this audit could compare 12. Run modicum ensemble check" in text
    assert "both, version 1, an ensemble, and its 2 members on the data set few" in page


def test_the_ensemble_and_its_members_are_marked_and_its_own_pictures_shown():
    opening = opening_of(ensemble_page())

    text = read(f'<section class="opening{opening}</section>').text
    assert re.findall(r"(a|b|both) (the ensemble|a member)", text) == [
        ("a", "a member"), ("b", "a member"), ("both", "the ensemble"),
    ]  # fmt: skip
    assert '<tr class="found"><th scope="row"><a href="#model-3-search-1">both</a>' in opening
    assert "both: On 0% of the searched images" in text
    assert "no outcome" not in opening, "a column in which no version has an outcome is left out"


def several_spots(classes: int) -> dict:
    """A test of so many classes, each decided by the same corner; the higher the class, the surer."""
    (trial,) = rows()[VERSION][1].trials
    tested = [rows()[VERSION][0]]
    for one in range(classes):
        here = tuple(place < 10 + one for place in range(20))
        pasted = replace(trial.pasted, here=here)
        tested.append(SpotRow(one, 20, (replace(trial, pasted=pasted),)))
    return {VERSION: tested}


def test_several_classes_with_a_spot_are_listed_the_worst_first_with_the_way_to_more():
    labels = tuple(f"kind {place}" for place in range(8))

    page = page_of(FINDINGS, spots=several_spots(8), labels=labels, class_labels={VERSION: labels})

    opening = opening_of(page)
    text = read(f'<section class="opening{opening}</section>').text
    links = re.findall(r'<a href="#([^"]*)">([^<]*)</a>', opening)
    assert text.startswith("decisive The decisions for 8 of 8 classes follow small spots.")
    assert [name for _, name in links] == ["kind 7", "kind 6", "kind 5", "kind 4", "kind 3", "and 3 more"]
    assert re.search(
        r"kind 7 85% \(0%\) by \d\d to \d+ points more 100% \(0%\) by 85 to 100 points more 20 kind 6", text
    )
    assert "In brackets: how often a random spot of its size does so. “By … points more” is the 95% interval of" in text
    assert all(read(page).ids.count(anchor) == 1 for anchor, _ in links)
    assert "What to do next. Look at each outlined spot: does it belong to its class?" in text


def test_what_stands_in_brackets_is_said_of_each_kind_of_place():
    spots = several_spots(2)
    spots[VERSION][1] = replace(spots[VERSION][1], trials=rows(PATTERN)[VERSION][1].trials)

    text = said(FINDINGS, spots=spots)

    assert "how often a random spot of its size does so" in text
    assert "how often the same pattern does so when it is filled from other pictures" in text


def test_what_was_not_found_is_told_beside_what_each_kind_of_place_is_compared_with():
    (trial,) = rows(PATTERN, follow=False)[VERSION][1].trials
    cats = SpotRow(0, 20, (trial, replace(trial, half=1, place=SpotPlace(SpotKind.RING, 1, 1))))
    spots = {VERSION: [replace(cats, target_class=None, sources=40), cats]}

    assert (
        "class than the same pattern copied from another class or a band of about its area nearer the middle does"
        in said(FINDINGS, spots=spots)
    )


def test_what_was_not_found_says_nothing_of_places_that_were_tested_outside_the_objects_alone():
    (trial,) = rows(PATTERN, follow=False)[VERSION][1].trials
    beside = replace(trial, half=1, place=SpotPlace(SpotKind.RING, 1, 1), outside=True)
    cats = SpotRow(0, 20, (trial, replace(trial, half=1), beside))
    spots = {VERSION: [replace(cats, target_class=None, sources=40), cats]}

    assert "into its class than the same pattern copied from another class does" in said(FINDINGS, spots=spots)


def test_the_worst_classes_are_each_shown_with_their_spot_and_its_copy():
    page = opening_of(page_of(FINDINGS, load_image=bright, spots=several_spots(2)))

    assert page.count("<figure>") == 4
    assert re.findall(r"<b>([^<]*)</b> ([a-z]+)", page) == [
        ("model says cat", "confidence"), ("model says dog", "with"),
        ("model says cat", "confidence"), ("model says cat", "with"),
    ]  # fmt: skip
    assert "with that spot pasted; before, dog" in page


def test_classes_of_which_no_cover_mattered_have_no_column_of_covers():
    spots = several_spots(2)
    spots[VERSION][1:] = [
        replace(row, trials=(replace(row.trials[0], covered=outcomes(follow=False)),)) for row in spots[VERSION][1:]
    ]

    opening = opening_of(page_of(FINDINGS, spots=spots))

    assert "Small spots can turn other pictures into “dog” and “cat”." in opening
    assert "Covered" not in opening


def test_every_outcome_has_one_tone_and_no_two_tones_share_a_shape():
    listed = [outcome for outcomes in TONES.values() for outcome in outcomes]

    assert len(listed) == len(set(listed))
    assert len(set(SHAPES.values())) == len(Tone)
    assert tag_of("SUFFICIENT").shape != tag_of("DECISIVE").shape
    assert tag_of("OF_TOMORROW").tone is Tone.OPEN


def test_every_outcome_of_a_rule_and_of_a_verdict_has_a_tone():
    ends = {outcome for rule in known_rules().values() for outcome in rule.outcomes}

    for outcome in {*ends, *SpotOutcome, *VerdictOutcome} - {"INCONCLUSIVE"}:
        assert tag_of(outcome).tone is not Tone.OPEN, outcome


def test_the_example_whose_class_is_lost_most_often_is_shown():
    (trial,) = rows()[VERSION][1].trials
    kept = replace(trial.covered, here=tuple(source % 10 == 2 for source in trial.covered.sources))
    tested = rows()[VERSION]
    spots = {VERSION: [tested[0], replace(tested[1], trials=(replace(trial, covered=kept, place=CORNER),))]}

    page = opening_of(page_of(FINDINGS[: 2 * CAT_IMAGES], load_image=bright, spots=spots))

    assert "<b>not cat in 1 of 1 tries</b>" in page
