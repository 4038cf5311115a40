"""A counterfactual set as a user gives it to the command: pairs by name, what is refused, and what the result says."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.acceptance.acceptance_stage import CLASSES, patches

WEIGHTS = ("--weights", "w.safetensors", "--architecture", "modicum:cifar_resnet8")
INPUT = ("--input", "input.toml", "--class-labels", "labels.txt")
QUICK = ("--threshold", 0.9, "--passes", 10, "--no-controls")
EACH = 14
"""Pictures of each class."""


@pytest.fixture
def paired(place):
    """Fourteen pictures of each class, and the same ones in which the red patch is green."""
    labels = np.arange(EACH * len(CLASSES)) % len(CLASSES)
    images = patches(labels, seed=11)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        for folder in ("pictures", "changed"):
            path = place.folder / folder / CLASSES[label] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            shown = image[..., [1, 0, 2]] if folder == "changed" and label == 0 else image
            Image.fromarray(shown).save(path)
    return place


def audited(place, *words):
    return place.run("modicum", "audit", "pictures", *WEIGHTS, *INPUT, *QUICK, "--counterfactual", "changed", *words)


def test_a_class_that_loses_its_cue_is_named_in_summary_table_document_and_page(paired):
    (paired.folder / "changed" / CLASSES[1] / "1.png").unlink()

    done = audited(paired, "--output", "result.json", "--output", "report.html")

    assert done.code == 0, done.messages
    assert "41 of 42 images have a counterfactual in changed; none for " in done.messages
    assert f"Accuracy falls from 100% to 0% on class {CLASSES[0]} when the picture is replaced" in done.output
    result = json.loads((paired.folder / "result.json").read_text())
    (entry,) = result["counterfactuals"]
    assert (entry["outcome"], entry["pairs"], entry["unpaired"]) == ("ACCURACY_FALLS", 41, 1)
    assert entry["same_picture"] == 41 - EACH
    assert {row["label"]: row["outcome"] for row in entry["classes"]} == {CLASSES[0]: "ACCURACY_FALLS"}
    assert {one["predicted_class"] for one in entry["examples"]} == {0}
    assert all(one["confidence_left"] < one["confidence"] for one in entry["examples"])
    page = (paired.folder / "report.html").read_text()
    assert "What happens without the cue?" in page
    assert page.count('the counterfactual"') == len(entry["examples"])
    assert page.count("The spot test does not look for cues without a place") == 1


@pytest.mark.long
def test_a_copy_in_which_one_picture_differs_is_no_evidence_that_accuracy_holds(paired):
    for changed in (paired.folder / "changed" / CLASSES[0]).iterdir():
        if changed.name != "0.png":
            changed.write_bytes((paired.folder / "pictures" / CLASSES[0] / changed.name).read_bytes())

    done = audited(paired, "--output", "result.json")

    assert done.code == 0, done.messages
    assert "In 41 pairs both pictures are the same. The figures leave these pairs out." in done.output
    (entry,) = json.loads((paired.folder / "result.json").read_text())["counterfactuals"]
    assert (entry["outcome"], entry["measures"]["counterfactual_accuracy_loss"]["n"]) == ("INCONCLUSIVE", 1)


@pytest.mark.long
def test_an_equal_audit_is_reused_with_its_counterfactual_set_and_one_without_it_is_not(paired):
    first = audited(paired, "--output", "first.json")

    again = audited(paired)
    alone = paired.run("modicum", "audit", "pictures", *WEIGHTS, *INPUT, *QUICK, "--output", "alone.json")

    assert (first.code, again.code, alone.code) == (0, 0, 0), again.messages
    assert "reuses the result of" in again.messages
    assert "reuses the result of" not in alone.messages
    assert json.loads((paired.folder / "alone.json").read_text())["counterfactuals"] == []


def test_counterfactuals_under_other_names_are_refused_before_anything_is_sent(paired):
    (paired.folder / "changed").rename(paired.folder / "elsewhere")
    (paired.folder / "changed").mkdir()
    (paired.folder / "elsewhere").rename(paired.folder / "changed" / "deeper")

    done = audited(paired)

    assert done.code == 2
    assert "has the name of an image to audit, such as" in done.messages
    assert "deeper/" in done.messages
