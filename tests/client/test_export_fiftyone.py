"""Data sets for FiftyOne: what they say of each image, and what is refused before anything is written."""

import json

import numpy as np
import pytest
from modicum import errors
from modicum.cli.command import app
from PIL import Image

from tests.client.canvas_reports import MASK, ROWS, SIDE, with_controls
from tests.client.scripted_service import VERSION

WINDOW = {"half": 0, "kind": "WINDOW", "top": 1, "left": 0, "height": 1, "width": 2}
OWN = {"half": 0, "kind": "OWN", "height": 1, "width": 1}


def row(outcome, target_class, *halves, shown=0):
    """A row of the spot test."""
    label = "all classes together" if target_class is None else f"class {target_class}"
    places = [{"places": list(halves)}] if halves else []
    return {"outcome": outcome, "target_class": target_class, "label": label, "places": places, "shown": shown}


def spots(*rows):
    return [{"model_version": VERSION, "search_index": 0, "rows": list(rows)}]


def samples_of(folder):
    return json.loads((folder / "samples.json").read_text())["samples"]


def read(folder, path):
    return np.array(Image.open(folder / path))


def test_each_image_with_a_subset_has_its_labels_its_figures_and_its_mask(exported, tmp_path):
    rows = [{**ROWS[0], "predicted_class": 0, "confidence": 0.75}, *ROWS[1:]]

    written = exported(rows=rows).export_fiftyone(tmp_path / "set")

    first, *others = samples_of(tmp_path / "set")
    assert [one["item"] for one in (first, *others)] == ["cat/a.png", "dog/a.jpg", "../x y.png", "grey.png"]
    assert written.counts == {"findings": 5, "exported": 4}
    assert first["ground_truth"] == {"_cls": "Classification", "label": "cat"}
    assert first["prediction"] == {"_cls": "Classification", "label": "cat", "confidence": 0.75}
    assert (first["subset_pixels"], first["subset_fraction"], first["baseline_confident"]) == (1, 0.25, False)
    assert read(tmp_path / "set", first["filepath"]).tolist()[0][0] == [255, 0, 51]
    assert np.array_equal(read(tmp_path / "set", first["subset"]["mask_path"]), MASK * 255)
    assert "ground_truth" not in others[1]
    assert others[2]["baseline_confident"]
    assert "subset" not in others[2]


def test_a_search_for_another_class_than_the_predicted_one_says_both(exported, tmp_path):
    rows = [{**ROWS[0], "predicted_class": 0, "target_class": 1, "confidence": 0.75}]

    exported(rows=rows).export_fiftyone(tmp_path / "set")

    (sample,) = samples_of(tmp_path / "set")
    assert sample["prediction"] == {"_cls": "Classification", "label": "cat"}
    assert sample["target"] == {"_cls": "Classification", "label": "dog", "confidence": 0.75}


def test_subsets_of_controls_are_masks_of_their_own(exported, tmp_path):
    exported(rows=[with_controls(ROWS[0])]).export_fiftyone(tmp_path / "set")

    (sample,) = samples_of(tmp_path / "set")
    assert sample["class_targeted_label"]["label"] == "dog"
    assert np.array_equal(read(tmp_path / "set", sample["class_targeted"]["mask_path"]), MASK[::-1, ::-1] * 255)
    assert read(tmp_path / "set", sample["fill_robust"]["mask_path"]).tolist() == [[0, 255], [0, 255]]


def test_a_spot_is_a_box_on_the_images_of_its_class(exported, tmp_path):
    found = spots(row("DECISIVE", 0, WINDOW, {**WINDOW, "half": 1}), row("SUFFICIENT", 1, {**WINDOW, "top": 0}))

    exported(rows=ROWS[:1], spots=found).export_fiftyone(tmp_path / "set")

    (sample,) = samples_of(tmp_path / "set")
    (box,) = sample["spots"]["detections"]
    assert (box["label"], box["row"]) == ("DECISIVE", "class 0")
    assert box["bounding_box"] == [0, 1 / SIDE, 2 / SIDE, 1 / SIDE]
    assert (box["kind"], box["pixels"]) == ("WINDOW", 2)


def test_the_box_of_a_pattern_says_how_many_of_its_pixels_count(exported, tmp_path):
    pattern = {"half": 1, "kind": "PATTERN", "top": 0, "left": 0, "height": 2, "width": 2, "size": 3}

    exported(rows=ROWS[:1], spots=spots(row("DECISIVE", 0, WINDOW, pattern))).export_fiftyone(tmp_path / "set")

    boxes = samples_of(tmp_path / "set")[0]["spots"]["detections"]
    assert [(one["kind"], one["pixels"]) for one in boxes] == [("WINDOW", 2), ("PATTERN", 3)]


def test_a_spot_of_all_classes_together_is_a_box_on_every_image(exported, tmp_path):
    exported(spots=spots(row("SUFFICIENT", None, WINDOW))).export_fiftyone(tmp_path / "set")

    assert all(len(one["spots"]["detections"]) == 1 for one in samples_of(tmp_path / "set"))


@pytest.mark.parametrize(
    "tested",
    [row("NONE_FOUND", 0, WINDOW), row("DECISIVE", 0, OWN), row("DECISIVE", 0, shown=None)],
    ids=["nothing was found", "each image has its own window", "no place is shown"],
)
def test_without_a_place_that_a_box_can_show_there_is_no_box(exported, tmp_path, tested):
    exported(rows=ROWS[:1], spots=spots(tested)).export_fiftyone(tmp_path / "set")

    assert "spots" not in samples_of(tmp_path / "set")[0]


def test_it_says_where_it_comes_from_and_has_no_version_of_the_form(exported, tmp_path):
    exported().export_fiftyone(tmp_path / "set")

    metadata = json.loads((tmp_path / "set" / "metadata.json").read_text())
    assert metadata.keys() == {"name", "media_type", "info"}  # a version would ask for the types of all fields
    assert metadata["info"]["audit"] == "projects/default/audits/a"
    assert metadata["info"]["counts"] == {"findings": 5, "exported": 4}


def test_without_a_subset_there_is_nothing_to_export(exported, tmp_path):
    with pytest.raises(errors.InvalidArgument, match="search 0 found no subset on any of the 1 images of m/1"):
        exported(rows=ROWS[4:]).export_fiftyone(tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_one_of_several_models_must_be_named(exported, tmp_path):
    audit = exported(models=(VERSION, "projects/default/models/other/versions/1"))

    with pytest.raises(errors.InvalidArgument, match="2 were audited"):
        audit.export_fiftyone(tmp_path / "set")
    audit.export_fiftyone(tmp_path / "set", model="m")


def test_a_missing_image_is_named_and_nothing_is_written(exported, script, tmp_path):
    audit = exported()
    script.reports.update(dict.fromkeys(script.reports, _empty_archive()))

    with pytest.raises(errors.DataLoss, match=r"cat/a\.png: the server no longer has this image"):
        audit.export_fiftyone(tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def _empty_archive():
    return b"PK\x05\x06" + bytes(18)


def test_the_command_says_what_it_wrote(exported, address, monkeypatch, capsys, tmp_path):
    exported()
    monkeypatch.setenv("MODICUM_ADDRESS", address)

    with pytest.raises(SystemExit) as ended:
        app(["audits", "export-fiftyone", "a", "--output", str(tmp_path / "set")])

    assert ended.value.code == 0
    assert "4 of 5 images, those that have a subset" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("set.npz", "expected a new or empty folder, got a name that ends in .npz"),
        ("none/set", "does not exist"),
        (".", "expected a new or empty folder; got a folder with files"),
    ],
)
def test_the_command_checks_its_output_before_it_needs_a_server(monkeypatch, capsys, tmp_path, name, says):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MODICUM_ADDRESS", "127.0.0.1:1")

    with pytest.raises(SystemExit) as ended:
        app(["audits", "export-fiftyone", "a", "--output", str(tmp_path / name)])

    assert ended.value.code == 2
    assert says in " ".join(capsys.readouterr().err.split())
