"""The worst spot of a verdict: which one it is, what is said of it, and how pages show it."""

import pytest
from jsonschema import Draft202012Validator
from modicum.gate.rendering.forms import FORMS
from modicum.gate.rendering.spots import drawn_place
from modicum.gate.schemas import VERDICT, schema_of

from tests.gate.documents import CLEAN, VERSION, document, place, row, verdict

PNG = "data:image/png;base64,iVBORw0KGgo="
PLACE = "{top: 8, left: 8, height: 4, width: 4}"
SAID = "The model then says another class than cat in 3 of 4 tries; in 0 of 4 when another place is covered."
PASTED = "in 1 of 9 when another place is pasted"
BOX = {"kind": "WINDOW", "height": 4, "width": 4, "top": 8, "left": 8}
PATTERN = {"kind": "PATTERN", "height": 3, "width": 2, "top": 1, "left": 2, "size": 2, "pixels": "hA=="}
"""The first and the last pixel of its window."""


def pictured(label, target_class=0, **changes):
    """What a report holds of a copied spot."""
    return {
        "model_version": VERSION,
        "target_class": target_class,
        "label": label,
        "place": BOX,
        "canvas": {"height": 32, "width": 32},
        "outline": "M8 8h4",
        "source": {"item": "cat/1.png", "class": "cat", "confidence": 0.99},
        "other": {"item": "dog/<2>.png", "class": "dog", "confidence": 0.62},
        "pasted": {"pairs": 9, "here": 8, "elsewhere": 1},
        "covered": {"pairs": 4, "here": 3, "elsewhere": 0},
        "pictures": dict.fromkeys(("photograph", "covered", "other", "pasted"), PNG),
        **changes,
    }


def judged(*spots, policy="", **more):
    rows = (CLEAN[0], *spots)
    return verdict(policy, document(spots=rows, **more)).as_json()


def planted(label, target_class):
    return row(target_class, place((20, 0)), label=label)


def test_the_worst_spot_says_what_the_model_says_of_each_picture():
    told = judged(planted("cat", 0), CLEAN[2], spot_pictures=[pictured("cat")])["worst_spot"]

    assert (told["subject"], told["outcome"]) == ("cat", "FAIL")
    assert [(one["title"], one["text"]) for one in told["pictures"]] == [
        ("cat/1.png", "The model says cat (99%)."),
        ("The spot covered by pixels of another picture", SAID),
        ("dog/<2>.png", "The model says dog (62%)."),
        ("The spot pasted onto dog/<2>.png", f"The model now says cat in 8 of 9 tries; {PASTED}."),
    ]


def test_a_pattern_is_told_beside_the_same_one_filled_from_other_pictures():
    told = judged(planted("cat", 0), CLEAN[2], spot_pictures=[pictured("cat", place=PATTERN)])

    _, covered, _, pasted = (one["text"] for one in told["worst_spot"]["pictures"])
    assert covered.endswith("in 3 of 4 tries; in 0 of 4 when another picture of its class covers it.")
    assert pasted == "The model now says cat in 8 of 9 tries; in 1 of 9 when its pixels come from another class."
    assert Draft202012Validator(schema_of(VERDICT)).is_valid(told)


def test_a_failing_class_comes_before_an_inconclusive_one():
    open_class = row(1, place((6, 6)), label="dog")
    pictures = [pictured("dog", 1), pictured("cat")]

    assert judged(planted("cat", 0), open_class, spot_pictures=pictures)["worst_spot"]["subject"] == "cat"


def test_a_spot_of_all_classes_is_told_by_the_class_of_its_photograph():
    together = row(None, place((20, 0)), sources=200)

    told = verdict("", document(spots=(together, *CLEAN[1:]), spot_pictures=[pictured("all", None)])).as_json()

    assert told["worst_spot"]["subject"] == "all classes together"
    assert told["worst_spot"]["pictures"][3]["text"].startswith("The model now says cat in 8 of 9 tries")


@pytest.mark.parametrize(
    ("spots", "policy", "more"),
    [
        ((CLEAN[1], CLEAN[2]), "", {"spot_pictures": [pictured("cat")]}),
        ((planted("cat", 0), CLEAN[2]), "", {}),
        ((planted("cat", 0), CLEAN[2]), "", {"spot_pictures": [pictured("dog", 1)]}),
        ((planted("cat", 0), CLEAN[2]), "", {"spot_pictures": [pictured("cat", model_version="another")]}),
        (
            (row(0, place((20, 0)), place((20, 0), top=20), label="cat"), CLEAN[2]),
            f"accept: [{{rule: spot, class: cat, place: {PLACE}, reason: x, owner: us}}]",
            {"spot_pictures": [pictured("cat")]},
        ),
        (
            (row(0, place((20, 0)), place((20, 0), top=20), label="cat"), CLEAN[2]),
            f"accept: [{{rule: spot, class: cat, place: {PLACE}, reason: x, owner: us}}]",
            {"spot_pictures": [pictured("cat", place={**PATTERN, "top": 9, "left": 9})]},
        ),
        (
            (row(0, place((20, 0)), place((20, 0), own=True), label="cat"), CLEAN[2]),
            "accept: [{rule: spot, class: cat, place: moving, reason: x, owner: us}]",
            {"spot_pictures": [pictured("cat", place={**BOX, "kind": "OWN"})]},
        ),
    ],
    ids=[
        "nothing is found",
        "no pictures",
        "of another class",
        "of another version",
        "the place was accepted",
        "the pattern lies within a place that was accepted",
        "the place that moves was accepted",
    ],
)
def test_nothing_is_shown_that_is_not_the_spot_that_fails(spots, policy, more):
    assert judged(*spots, policy=policy, **more)["worst_spot"] is None


def test_a_page_shows_the_pictures_and_escapes_names():
    page = FORMS[".html"](judged(planted("cat", 0), CLEAN[2], spot_pictures=[pictured("cat")])).decode()

    assert page.count(f'<img src="{PNG}"') == 4
    assert 'alt="dog/&lt;2&gt;.png"' in page
    assert "The model now says cat in 8 of 9 tries" in page
    assert "<2>" not in page


def test_markdown_says_it_in_words_draws_the_place_and_adds_the_photographs():
    text = FORMS[".md"](judged(planted("cat", 0), CLEAN[2], spot_pictures=[pictured("cat")])).decode()

    assert "- **cat/1.png**: The model says cat (99%)." in text
    assert "⬜⬜⬜⬜🟥🟥⬜⬜⬜⬜⬜⬜⬜⬜⬜⬜\n" in text
    assert text.count(f"]({PNG})") == 4


def test_markdown_stays_below_1_mib_and_says_what_is_left_out():
    large = "data:image/png;base64," + "A" * 400_000
    pictures = dict.fromkeys(("photograph", "covered", "other", "pasted"), large)

    told = judged(planted("cat", 0), CLEAN[2], spot_pictures=[pictured("cat", pictures=pictures)])
    text = FORMS[".md"](told)

    assert len(text) < 2**20
    assert "A part that did not fit is left out" in text.decode()
    assert "- **cat/1.png**: The model says cat" in text.decode()
    assert "Every check" in text.decode()


@pytest.mark.parametrize(
    ("place_of", "canvas", "lines"),
    [
        ({**BOX, "height": 2, "width": 4, "top": 0, "left": 0}, (4, 4), ["🟥🟥🟥🟥"] * 2 + ["⬜⬜⬜⬜"] * 2),
        ({**BOX, "kind": "RING", "width": 1}, (4, 4), ["🟥🟥🟥🟥", "🟥⬜⬜🟥", "🟥⬜⬜🟥", "🟥🟥🟥🟥"]),
        ({**BOX, "height": 1, "width": 1, "top": 0, "left": 31}, (16, 32), ["⬜" * 15 + "🟥"] + ["⬜" * 16] * 7),
        (PATTERN, (4, 4), ["⬜⬜⬜⬜", "⬜⬜🟥⬜", "⬜⬜⬜⬜", "⬜⬜⬜🟥"]),
        ({**PATTERN, "top": 2, "left": 3}, (4, 4), ["⬜⬜⬜⬜", "⬜⬜⬜⬜", "⬜⬜⬜🟥", "⬜⬜⬜⬜"]),
    ],
)
def test_the_drawing_has_the_form_of_the_canvas_and_marks_every_cell_that_the_spot_touches(place_of, canvas, lines):
    spot = {"place": place_of, "canvas": {"height": canvas[0], "width": canvas[1]}}

    assert list(drawn_place(spot)) == lines


def test_a_picture_that_is_no_picture_is_not_of_the_published_form():
    told = judged(planted("cat", 0), CLEAN[2], spot_pictures=[pictured("cat")])
    hostile = {**told, "worst_spot": {**told["worst_spot"], "pictures": [{"title": "", "text": "", "uri": "x)(http:"}]}}

    check = Draft202012Validator(schema_of(VERDICT))
    assert check.is_valid(told)
    assert not check.is_valid(hostile)
