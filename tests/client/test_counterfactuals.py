"""The counterfactual set in the client: which images pair, what is refused here, and how a result reads and prints."""

import gzip
import io

import numpy as np
import pytest
from modicum.cli.counterfactuals import checked_counterfactuals, counterfactual_lines, show_counterfactuals
from modicum.errors import InvalidArgument
from modicum.results import result_of
from PIL import Image
from rich.console import Console

from tests.found_images import find_images
from tests.measures.example_audit import document_and_rows
from tests.measures.test_measures_counterfactuals import paired, rows, same_picture


def pictures(folder, *names):
    """Write pictures of these names, and return the folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / name)
    return folder


def found(originals, counterfactuals):
    return checked_counterfactuals(counterfactuals, find_images(originals, None))


def test_images_pair_by_their_names_and_the_others_are_named_or_counted(tmp_path):
    originals = pictures(tmp_path / "a", "cat/1.png", "cat/2.png", "dog/3.png")
    counterfactuals = pictures(tmp_path / "b", "dog/3.png", "cat/1.png", "cat/9.png")

    given = found(originals, counterfactuals)

    assert [image.item for image in given.images] == ["cat/1.png", "dog/3.png"]
    assert (given.unpaired, given.unused) == (("cat/2.png",), 1)
    assert str(given).startswith("2 of 3 images have a counterfactual in ")
    assert str(given).endswith("none for cat/2.png; 1 of its images match no audited image by name and are left out")


def test_names_that_pair_with_nothing_are_refused_with_one_of_each_side(tmp_path):
    originals, counterfactuals = pictures(tmp_path / "a", "cat/1.png"), pictures(tmp_path / "b", "cat/1.bmp")

    with pytest.raises(InvalidArgument, match=r"such as cat/1\.png.*its first is cat/1\.bmp"):
        found(originals, counterfactuals)


def test_a_label_that_contradicts_is_refused_and_names_the_image(tmp_path):
    originals, counterfactuals = (pictures(tmp_path / name, "1.png") for name in "ab")
    (originals / "labels.csv").write_text("file,label\n1.png,cat\n")
    (counterfactuals / "labels.csv").write_text("file,label\n1.png,dog\n")

    with pytest.raises(InvalidArgument, match=r"expected the label 'cat' for 1\.png.*got 'dog'"):
        found(originals, counterfactuals)


def result(given, **options):
    document, _ = document_and_rows(rows(**options), counterfactual=given)
    return result_of(document, gzip.compress(b""))


def test_a_result_has_the_outcome_and_the_figures_of_each_model():
    read = result(paired())

    (test,) = read.counterfactuals
    assert read.models[0].counterfactual == test.outcome == "ACCURACY_FALLS"
    assert (test.original_accuracy.value, round(float(test.accuracy), 2)) == (1.0, 0.67)
    assert {row.label: round(float(row.accuracy_loss), 2) for row in test.classes} == {"cat": 1, "dog": 0, "owl": 0}
    (cats,) = [row for row in test.predicted_classes if row.label == "cat"]
    assert (cats.to, cats.changed_share.value) == ({"owl": 20}, 1.0)
    assert len(test.examples) == 12


def printed(given, **options) -> str:
    console = Console(file=io.StringIO(), width=200)
    show_counterfactuals(console, result(given, **options))
    return console.file.getvalue()


def test_the_tables_show_the_largest_loss_first_and_where_predictions_go():
    text = printed(paired())

    lines = [line.split() for line in text.splitlines()]
    named = [line[1] for line in lines if len(line) > 1 and line[1] in {"all", "cat", "dog", "owl"}]
    assert named == ["all", "cat", "dog", "owl", "cat"]
    assert "owl 20" in text


def test_without_labels_only_changed_predictions_are_printed():
    text = printed(paired(), labels=False)

    assert "INCONCLUSIVE" in text
    assert "by class" not in text
    assert "owl 20" in text


def test_what_could_not_be_used_is_printed_by_name():
    given = paired(pairs=range(20), failed=(3,), unpaired=[f"image-{place}.png" for place in range(20, 60)])

    lines = [*counterfactual_lines(result(given).counterfactuals[0])]

    assert "20 of 60 images have a counterfactual" in lines[0]
    assert "image-20.png" in lines[1]
    assert lines[1].endswith("and 35 more")
    assert lines[2] == "  without a prediction: image-3.png (IMAGE_UNREADABLE)"


def test_pairs_of_the_same_picture_are_counted_apart():
    (test,) = result(same_picture(paired(), range(59))).counterfactuals

    lines = [*counterfactual_lines(test)]

    assert (test.outcome, test.same_picture, test.accuracy_loss.n) == ("INCONCLUSIVE", 59, 1)
    assert lines[1] == "  the same picture twice, left out of the figures: 59"


def test_a_result_from_before_there_were_counterfactual_sets_has_none():
    document, _ = document_and_rows(rows())
    del document["counterfactuals"]

    read = result_of(document, gzip.compress(b""))

    assert (read.counterfactuals, read.models[0].counterfactual) == ((), "")
