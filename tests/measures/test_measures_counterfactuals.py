"""The counterfactual set in the result document: accuracy and predictions in pairs, by class, in words."""

from dataclasses import replace

import pytest
from modicum_server.domain.findings import FindingReason, Prediction
from modicum_server.measures.counterfactual_set import CounterfactualSet, Pair

from tests.measures.example_audit import VERSION, document_and_rows, finding

CAT, DOG, OWL = range(3)
PAIRS = 60


def rows(*, labels: bool = True):
    """Sixty images, of classes cat, dog and owl in turn; the version is right on all of them."""
    return [
        finding(place, label=place % 3 if labels else None, predicted_class=place % 3, target_class=place % 3)
        for place in range(PAIRS)
    ]


def changed(place: int) -> int:
    """Cats become owls where there are counterfactuals; other classes stay."""
    return OWL if place % 3 == CAT else place % 3


def paired(predict=changed, *, pairs=range(PAIRS), failed=(), unpaired=()) -> CounterfactualSet:
    originals = {place: Prediction(place, place % 3, confidence=0.90 + place / 1000) for place in range(PAIRS)}
    predictions = {place: Prediction(place, predict(place), confidence=0.1) for place in pairs}
    predictions |= {place: Prediction(place, reason=FindingReason.IMAGE_UNREADABLE) for place in failed}
    return CounterfactualSet(
        "projects/default/datasets/changed",
        "8" * 64,
        70,
        {place: Pair(f"image-{place}.png", f"{place:064x}", f"{place + 500:064x}") for place in pairs},
        tuple(unpaired),
        {VERSION: originals},
        {VERSION: predictions},
    )


def told(given: CounterfactualSet | None, **options):
    """The entry of the version, its reading, and its summary."""
    document, _ = document_and_rows(rows(**options), counterfactual=given)
    (model,) = document["models"]
    readings = {one["control"]: one for one in model["searches"][0]["readings"]}
    entries = document["counterfactuals"]
    return (entries[0] if entries else None), readings.get("counterfactual"), model["summary"]


def test_a_class_that_is_lost_is_a_finding_with_both_accuracies_and_where_it_goes():
    entry, reading, summary = told(paired())

    assert entry["outcome"] == reading["outcome"] == "ACCURACY_FALLS"
    measures = {name: round(one["value"], 3) for name, one in entry["measures"].items()}
    assert measures == {
        "counterfactual_accuracy_loss": 0.333,
        "counterfactual_original_accuracy": 1.0,
        "counterfactual_accuracy": 0.667,
        "counterfactual_changed_share": 0.333,
    }
    outcomes = {row["label"]: row["outcome"] for row in entry["classes"]}
    assert outcomes == {"cat": "ACCURACY_FALLS", "dog": "ACCURACY_HOLDS", "owl": "ACCURACY_HOLDS"}
    (cats,) = [row for row in entry["predicted_classes"] if row["label"] == "cat"]
    assert cats["to"] == [{"class": OWL, "label": "owl", "pairs": 20}]
    assert cats["measures"]["counterfactual_changed_share"]["value"] == 1.0
    sentence = "Accuracy falls from 100% to 0% on class cat when the picture is replaced by its counterfactual"
    assert reading["text"].startswith(sentence)
    assert summary[0].startswith(sentence)


def test_the_changed_predictions_of_which_the_version_was_surest_come_first():
    examples = told(paired())[0]["examples"]

    assert [one["position"] for one in examples] == list(range(57, 21, -3))
    first = examples[0]
    assert (first["item"], first["image_digest"]) == ("image-57.png", f"{57:064x}")
    assert first["counterfactual_digest"] == f"{557:064x}"
    assert (first["label"], first["predicted_class"], first["counterfactual_class"]) == (CAT, CAT, OWL)
    assert (first["confidence"], first["confidence_left"]) == (pytest.approx(0.957), 0.1)


def test_accuracy_that_holds_is_said_of_these_pairs_and_what_was_not_changed_stays_untested():
    entry, reading, summary = told(paired(lambda place: place % 3))

    assert entry["outcome"] == "ACCURACY_HOLDS"
    assert reading["text"].startswith("Accuracy holds when the picture is replaced by its counterfactual: it goes from")
    assert "what the counterfactual set leaves unchanged" in summary[-2]


def test_without_labels_only_changed_predictions_are_told_and_there_is_no_verdict():
    entry, reading, _ = told(paired(), labels=False)

    assert (entry["outcome"], entry["classes"]) == ("INCONCLUSIVE", [])
    assert entry["measures"]["counterfactual_accuracy_loss"]["unavailable"] == (
        "no pair of two different pictures with both predictions has a label"
    )
    assert entry["measures"]["counterfactual_changed_share"]["value"] == pytest.approx(1 / 3)
    assert "33% of 60 predictions change" in reading["text"]
    assert "it is not known whether accuracy falls" in reading["text"]


def test_pairs_that_could_not_be_used_are_counted_and_named():
    entry, reading, _ = told(paired(pairs=range(40), failed=(2, 3), unpaired=[f"image-{n}.png" for n in range(40, 60)]))

    assert {name: entry[name] for name in ("item_count", "pairs", "unpaired", "failed", "same_picture")} == {
        "item_count": 70,
        "pairs": 40,
        "unpaired": 20,
        "failed": 2,
        "same_picture": 0,
    }
    assert entry["unpaired_items"][:2] == ["image-40.png", "image-41.png"]
    assert entry["failed_items"] == [
        {"item": "image-2.png", "reason": "IMAGE_UNREADABLE"},
        {"item": "image-3.png", "reason": "IMAGE_UNREADABLE"},
    ]
    assert entry["measures"]["counterfactual_accuracy_loss"]["n"] == 38
    assert "20 audited images have no counterfactual." in reading["text"]
    assert "2 audited images have no prediction on one of the two pictures." in reading["text"]


def test_a_set_of_which_nothing_could_be_predicted_says_nothing():
    entry, reading, _ = told(paired(pairs=range(10), failed=range(10)))

    assert entry["outcome"] == "INCONCLUSIVE"
    assert "says nothing: no pair of two different pictures has a prediction on both" in reading["text"]


def test_an_audit_without_a_counterfactual_set_has_no_entry_and_its_summary_says_so():
    entry, reading, summary = told(None)

    assert (entry, reading) == (None, None)
    assert "other backgrounds and cues without a place" in summary[-2]


def test_all_pairs_have_an_outcome_of_their_own_beside_that_of_the_network():
    """Four of twenty cats are too few of all pairs and of the cats; nine are too few of all pairs alone."""
    few = paired(lambda place: OWL if place < 12 and place % 3 == CAT else place % 3)
    many = paired(lambda place: OWL if place < 27 and place % 3 == CAT else place % 3)

    entries = [told(given)[0] for given in (few, many)]

    assert [one["outcome"] for one in entries] == ["INCONCLUSIVE", "ACCURACY_FALLS"]
    assert [one["pooled_outcome"] for one in entries] == ["INCONCLUSIVE", "INCONCLUSIVE"]


def same_picture(given: CounterfactualSet, places) -> CounterfactualSet:
    """The set, with the original itself as the partner at these positions."""
    same = {n: replace(given.pairs[n], counterfactual_digest=given.pairs[n].image_digest) for n in places}
    return replace(given, pairs={**given.pairs, **same})


def kept(place: int) -> int:
    """Nothing changes."""
    return place % 3


@pytest.mark.parametrize(
    ("differing", "predict", "outcome", "said"),
    [
        (30, changed, "ACCURACY_FALLS", "In 30 pairs both pictures are the same. The figures leave these pairs out."),
        (59, kept, "ACCURACY_HOLDS", "In 1 pair both pictures are the same. The figures leave this pair out."),
        (20, kept, "INCONCLUSIVE", "These 20 pairs do not settle whether accuracy falls"),
        (9, kept, "INCONCLUSIVE", "9 pairs of two different pictures have both predictions and a label, and a verdict"),
        (1, kept, "INCONCLUSIVE", "1 pair of two different pictures has both predictions and a label, and a verdict"),
        (0, kept, "INCONCLUSIVE", "says nothing: no pair of two different pictures has a prediction on both."),
    ],
)
def test_pairs_of_the_same_picture_are_counted_apart_and_are_evidence_of_nothing(differing, predict, outcome, said):
    entry, reading, summary = told(same_picture(paired(predict), range(differing, PAIRS)))

    assert entry["outcome"] == reading["outcome"] == outcome
    assert (entry["pairs"], entry["same_picture"], entry["failed"]) == (PAIRS, PAIRS - differing, 0)
    assert {one["n"] for one in entry["measures"].values()} == {differing}
    assert sum(row["pairs"] for row in entry["classes"]) == differing
    assert sum(row["pairs"] for row in entry["predicted_classes"]) == differing
    assert said in reading["text"]
    assert any("both pictures are the same" in sentence for sentence in summary)


def test_predictions_on_the_same_picture_are_in_no_share_of_changed_predictions():
    """Twelve of the sixty pairs differ; the model changes its mind on four of them, and nowhere else."""
    entry, reading, _ = told(same_picture(paired(), range(12, 60)), labels=False)

    share = entry["measures"]["counterfactual_changed_share"]
    assert (share["value"], share["n"]) == (pytest.approx(4 / 12), 12)
    assert "33% of 12 predictions change" in reading["text"]


def test_few_pairs_of_a_class_are_counted_and_not_judged():
    given = paired()
    few = replace(given, pairs={place: pair for place, pair in given.pairs.items() if place % 3 or place < 12})

    entry, reading, _ = told(few)

    (cats,) = [row for row in entry["classes"] if row["label"] == "cat"]
    assert (cats["pairs"], cats["outcome"]) == (4, "INCONCLUSIVE")
    assert "1 class has fewer than 10 pairs and no verdict of its own." in reading["text"]


def test_a_pair_whose_original_is_a_copy_of_an_earlier_one_is_left_out():
    copied = [
        one if one.position != 3 else replace(one, image_digest=rows()[0].image_digest, label=DOG) for one in rows()
    ]

    document, _ = document_and_rows(copied, counterfactual=paired())

    (entry,) = document["counterfactuals"]
    assert entry["pairs"] == entry["measures"]["counterfactual_changed_share"]["n"] == PAIRS - 1
    assert {row["label"]: row["pairs"] for row in entry["classes"]} == {"cat": 19, "dog": 20, "owl": 20}


def test_the_document_has_the_outcome_of_the_set_at_every_tail_of_which_the_rules_own_is_one():
    _, reading, _ = told(paired())
    _, few, _ = told(paired(pairs=range(36)))

    outcomes, of_few = (dict(map(tuple, one["outcomes"])) for one in (reading, few))
    assert (outcomes[0.05], outcomes[1e-4]) == (reading["outcome"], "ACCURACY_FALLS")
    assert (of_few[0.05], of_few[1e-6]) == ("ACCURACY_FALLS", "INCONCLUSIVE")
