"""Pictures of copied spots in a JSON report: each is what its words say, and its numbers are the document's."""

import io
from base64 import b64decode
from dataclasses import replace

import numpy as np
from modicum_server.reports.spot_pictures import MOST_CLASSES, spot_pictures
from PIL import Image

from tests.measures.example_audit import INPUT, LABELS, SIDE, VERSION, document_and_rows
from tests.reports.spot_rows import PATTERN
from tests.reports.test_report_spots import FINDINGS, bright, rows


def entries(spots, *, load_image=bright):
    document, findings = document_and_rows(FINDINGS, spots=spots)
    return spot_pictures(document, findings, load_image, inputs={VERSION: INPUT}, labels={VERSION: LABELS})


def pixels(uri):
    return np.asarray(Image.open(io.BytesIO(b64decode(uri.split(",")[1]))).convert("RGB"))


def test_the_spot_is_covered_and_pasted_where_it_lies():
    (entry,) = entries(rows())

    shown = {name: pixels(uri) for name, uri in entry["pictures"].items()}
    region = np.zeros((SIDE, SIDE), dtype=bool)
    region[1:3, 4:7] = True
    assert entry["place"] == {"kind": "WINDOW", "height": 2, "width": 3, "top": 1, "left": 4}
    assert entry["canvas"] == {"height": SIDE, "width": SIDE}
    assert (shown["photograph"] != shown["other"]).all()
    assert ((shown["covered"] != shown["photograph"]).any(axis=2) == region).all()
    assert (shown["covered"][region] == shown["other"][region]).all()
    assert ((shown["pasted"] != shown["other"]).any(axis=2) == region).all()
    assert (shown["pasted"][region] == shown["photograph"][region]).all()


def test_an_entry_of_a_pattern_has_its_pixels():
    (entry,) = entries(rows(PATTERN))

    sides = {"kind": "PATTERN", "height": 3, "width": 2, "top": 1, "left": 4}
    assert entry["place"] == {**sides, "size": 2, "pixels": "hA=="}
    changed = (pixels(entry["pictures"]["pasted"]) != pixels(entry["pictures"]["other"])).any(axis=2)
    assert np.argwhere(changed).tolist() == [[1, 4], [3, 5]]


def test_an_entry_says_what_the_model_says_and_how_often_the_class_followed():
    (entry,) = entries(rows())

    assert (entry["model_version"], entry["target_class"], entry["label"]) == (VERSION, 0, "cat")
    assert entry["source"] == {"item": "image-0.png", "class": "cat", "confidence": 0.97}
    assert entry["other"] == {"item": "image-20.png", "class": "dog", "confidence": 0.97}
    assert entry["pasted"] == {"pairs": 1, "here": 1, "elsewhere": 0}
    assert entry["covered"] == {"pairs": 1, "here": 1, "elsewhere": 0}


def test_a_source_that_was_not_covered_has_no_counts_of_it():
    tested = rows()[VERSION]
    (trial,) = tested[1].trials
    some = replace(trial.covered, sources=(19,), others=(20,), here=(True,), elsewhere=(False,), tops=(0,), lefts=(0,))
    spots = {VERSION: [tested[0], replace(tested[1], trials=(replace(trial, covered=some),))]}

    (entry,) = entries(spots)

    assert entry["covered"] is None


def test_the_next_example_is_taken_where_an_image_is_gone():
    gone = next(one.image_digest for one in FINDINGS if one.item == "image-0.png")

    (entry,) = entries(rows(), load_image=lambda digest: None if digest == gone else bright(digest))

    assert entry["source"]["item"] == "image-1.png"


def test_nothing_is_pictured_where_nothing_was_found_or_all_images_are_gone():
    assert entries(rows(follow=False)) == []
    assert entries(rows(), load_image=lambda _: None) == []
    assert entries(None) == []


def test_at_most_ten_classes_are_pictured():
    document, findings = document_and_rows(FINDINGS, spots=rows())
    test = document["spots"][0]
    found = {**document, "spots": [{**test, "rows": [test["rows"][1]] * (MOST_CLASSES + 5)}]}

    shown = spot_pictures(found, findings, bright, inputs={VERSION: INPUT}, labels={VERSION: LABELS})

    assert len(shown) == MOST_CLASSES
