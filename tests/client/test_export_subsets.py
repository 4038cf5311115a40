"""Masked data sets: what is exported, under which fill, and what is refused before anything is written."""

import json
import re
import resource
import signal
from contextlib import contextmanager

import numpy as np
import pytest
from modicum import errors
from modicum.cli.command import app
from modicum.cli.exit_codes import exit_code
from modicum.gate.fills import Fill
from PIL import Image

from tests.client.canvas_reports import (
    CANVAS,
    IMAGE,
    MASK,
    MEAN,
    OTHER,
    ROWS,
    SIDE,
    canvas_archive,
    with_controls,
)
from tests.client.scripted_service import INPUT, VERSION


def test_an_archive_has_every_subset_as_it_was_verified(exported, tmp_path):
    exported().export_subsets(tmp_path / "set.npz")

    with np.load(tmp_path / "set.npz", allow_pickle=False) as arrays:
        assert arrays["images"].dtype == np.float32
        assert np.array_equal(arrays["images"][0][:, 0, 0], IMAGE[:, 0, 0])
        assert np.array_equal(arrays["images"][0][:, 1, 1], np.array(MEAN, np.float32))
        assert np.array_equal(arrays["masks"], np.stack([MASK] * 3))
        assert arrays["labels"].tolist() == [0, 1, -1]
        assert arrays["targets"].tolist() == [0, 0, 1]
        assert arrays["sizes"].tolist() == [1, 1, 1]
        assert arrays["items"].tolist() == ["cat/a.png", "dog/a.jpg", "../x y.png"]
        assert arrays["classes"].tolist() == ["cat", "dog"]
        manifest = json.loads(str(arrays["manifest"]))
    assert manifest["counts"] == {"findings": 5, "exported": 3, "baseline_confident": 1, "without_subset": 1}
    assert manifest["fill"]["name"] == "mean"
    assert manifest["fill"]["verified"] is True
    assert (manifest["audit"], manifest["dataset_digest"]) == ("projects/default/audits/a", "m" * 64)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("class_targeted", {"mask": [[False, False], [False, True]], "target": 1, "verified": True}),
        ("fill_robust", {"mask": [[False, True], [False, True]], "target": 0, "verified": False}),
    ],
)
def test_subsets_of_controls_are_exported_with_the_class_that_they_argue_for(exported, tmp_path, kind, expected):
    audit = exported(rows=[with_controls(ROWS[0]), *ROWS[1:]])

    masked = audit.export_subsets(tmp_path / "set.npz", subsets=kind)

    with np.load(tmp_path / "set.npz", allow_pickle=False) as arrays:
        assert arrays["masks"].tolist() == [expected["mask"]]
        assert arrays["targets"].tolist() == [expected["target"]]
    assert masked.manifest["subsets"] == kind
    assert masked.manifest["fill"]["verified"] is expected["verified"]
    assert masked.manifest["counts"] == {"findings": 5, "exported": 1, "baseline_confident": 1, "without_subset": 3}


def test_a_result_that_kept_no_masks_of_controls_says_so(exported, tmp_path):
    with pytest.raises(errors.InvalidArgument, match="search 0 has no mask of a subset of the control class_targeted"):
        exported().export_subsets(tmp_path / "set.npz", subsets="class_targeted")


def test_an_unknown_kind_of_subsets_is_refused_before_any_call(exported, script, tmp_path):
    audit = exported()
    script.calls.clear()

    with pytest.raises(errors.InvalidArgument, match="subsets: expected one of search, class_targeted, fill_robust"):
        audit.export_subsets(tmp_path / "set.npz", subsets="transfer")
    assert not script.calls


def test_a_folder_has_class_folders_and_no_name_leads_out_of_it(exported, tmp_path):
    exported().export_subsets(tmp_path / "set", fill="black")

    files = sorted(str(path.relative_to(tmp_path / "set")) for path in (tmp_path / "set").rglob("*.png"))
    assert files == [
        f"{kind}/{name}"
        for kind in ("images", "masks")
        for name in ("0-cat/000000-a.png", "1-dog/000001-a.png", "unlabelled/000002-x_y.png")
    ]
    pixels = np.asarray(Image.open(tmp_path / "set" / "images" / "0-cat" / "000000-a.png"))
    mask = np.asarray(Image.open(tmp_path / "set" / "masks" / "0-cat" / "000000-a.png"))
    assert pixels[0, 0].tolist() == [255, 0, 51]
    assert pixels[1, 1].tolist() == [0, 0, 0]
    assert np.array_equal(mask == 255, MASK)
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert manifest["fill"]["verified"] is False
    assert manifest["entries"][1] == {
        "file": "1-dog/000001-a.png",
        "item": "dog/a.jpg",
        "image_digest": ROWS[1]["image_digest"],
        "label": 1,
        "target": 0,
        "size": 1,
    }
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_broken_report_is_fetched_again_from_its_beginning(exported, script):
    audit = exported()
    script.steps["break report"] = [True]

    assert audit.report("canvas") == script.reports[CANVAS]
    assert len(script.calls["GetAuditReport"]) == 2


def test_a_fill_that_is_not_a_colour_needs_another_choice(exported, tmp_path):
    audit = exported(fill="marginal")

    with pytest.raises(errors.InvalidArgument, match=r"marginal.*mean, black, white"):
        audit.export_subsets(tmp_path / "set.npz")
    with pytest.raises(errors.InvalidArgument, match="got 'blur'"):
        audit.export_subsets(tmp_path / "set.npz", fill="blur")
    assert audit.export_subsets(tmp_path / "set.npz", fill="mean").manifest["fill"]["verified"] is False


def test_one_of_several_models_must_be_named(exported, tmp_path):
    other = [{**row, "model_version": OTHER} for row in ROWS[:1]]
    audit = exported(rows=[*ROWS, *other], models=(VERSION, OTHER))

    with pytest.raises(errors.InvalidArgument, match="model: expected one of m/1, other/1; 2 were audited"):
        audit.export_subsets(tmp_path / "set.npz")
    with pytest.raises(errors.InvalidArgument, match="got 'third'"):
        audit.export_subsets(tmp_path / "set.npz", model="third")
    for name in ("other", "other/1", OTHER):
        masked = audit.export_subsets(tmp_path / "set.npz", model=name)
        assert masked.manifest["counts"]["exported"] == 1


def test_an_unknown_search_is_refused(exported, tmp_path):
    with pytest.raises(errors.InvalidArgument, match="search: expected a number from 0 to 0, got 1"):
        exported().export_subsets(tmp_path / "set.npz", search=1)


def test_without_a_subset_there_is_nothing_to_export(exported, tmp_path):
    with pytest.raises(errors.InvalidArgument, match="found no subset on any of the 2 images"):
        exported(rows=ROWS[3:]).export_subsets(tmp_path / "set.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_image_is_named_and_nothing_is_written(exported, script, tmp_path):
    audit = exported()
    script.reports[CANVAS] = canvas_archive(ROWS[1:])

    for output in ("set.npz", "set"):
        with pytest.raises(errors.DataLoss, match=r"cat/a\.png: the server no longer has this image"):
            audit.export_subsets(tmp_path / output)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_archive_is_reported(exported, script, tmp_path):
    audit = exported()
    script.reports[CANVAS] = script.reports[CANVAS][:100]

    with pytest.raises(errors.DataLoss, match="damaged archive"):
        audit.export_subsets(tmp_path / "set.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_png_files_accepts_only_grey_and_rgb(exported, monkeypatch, tmp_path):
    monkeypatch.setattr("tests.client.scripted_service.INPUT", INPUT)
    audit = exported(image=np.zeros((13, SIDE, SIDE), dtype=np.float32))

    with pytest.raises(errors.InvalidArgument, match=r"13; export-subsets can write them to a \.npz"):
        audit.export_subsets(tmp_path / "set")
    audit.export_subsets(tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz") as arrays:
        assert arrays["images"].shape == (3, 13, SIDE, SIDE)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("full", "expected a new or empty folder, or a file ending in .npz; got a folder with files"),
        ("full/set.zip", "expected a new or empty folder, or a file ending in .npz; got a file"),
        ("none/set.npz", "its folder does not exist; create"),
        ("folder.npz", "expected a new or empty folder, or a file ending in .npz; got a folder"),
    ],
)
def test_an_unusable_output_is_refused_before_any_call(exported, script, tmp_path, name, says):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "set.zip").write_bytes(b"mine")
    (tmp_path / "folder.npz").mkdir()
    audit = exported()
    script.calls.clear()

    with pytest.raises(errors.InvalidArgument, match=re.escape(says)) as caught:
        audit.export_subsets(tmp_path / name)

    assert exit_code(caught.value) == 2
    assert not script.calls
    assert (tmp_path / "full" / "set.zip").read_bytes() == b"mine"


def test_an_empty_folder_is_filled(exported, tmp_path):
    (tmp_path / "set").mkdir()

    exported().export_subsets(str(tmp_path / "set"))

    assert (tmp_path / "set" / "manifest.json").is_file()


def test_the_command_says_what_it_wrote(exported, address, monkeypatch, capsys, tmp_path):
    exported()
    monkeypatch.setenv("MODICUM_ADDRESS", address)
    monkeypatch.setenv("MODICUM_TOKEN", "secret")

    with pytest.raises(SystemExit) as ended:
        app(["audits", "export-subsets", "a", "--output", str(tmp_path / "set.npz")])

    assert not ended.value.code
    assert "3 of 5 images" in capsys.readouterr().err
    assert (tmp_path / "set.npz").is_file()


def test_the_command_checks_its_output_before_it_needs_a_server(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("MODICUM_ADDRESS", "127.0.0.1:1")

    with pytest.raises(SystemExit) as ended:
        app(["audits", "export-subsets", "a", "--output", str(tmp_path / "none" / "set.npz")])

    assert ended.value.code == 2
    assert "its folder does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("output", [".", "../here", "link"])
def test_the_current_folder_is_not_replaced(exported, monkeypatch, tmp_path, output):
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")

    with pytest.raises(errors.InvalidArgument, match="the current folder cannot be replaced"):
        exported().export_subsets(tmp_path / "link" if output == "link" else output)

    assert list(tmp_path.joinpath("here").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "link"]


def test_an_empty_folder_is_filled_through_a_link(exported, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "set")

    exported().export_subsets(tmp_path / "link")

    assert (tmp_path / "set" / "manifest.json").is_file()
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("suffix", ["", ".npz"])
def test_an_output_may_have_the_longest_possible_name(exported, tmp_path, suffix):
    longest = "x" * (255 - len(suffix)) + suffix

    exported().export_subsets(tmp_path / longest)

    assert [path.name for path in tmp_path.iterdir()] == [longest]


@pytest.mark.parametrize("name", ["x" * 256, "x" * 256 + ".npz", "a\x00b.npz", "circle"])
def test_an_impossible_file_name_is_refused_before_any_call(exported, script, tmp_path, name):
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    audit = exported()
    script.calls.clear()

    with pytest.raises(errors.OutputNotWritten, match="cannot be written"):
        audit.export_subsets(tmp_path / name)
    assert not script.calls


@pytest.mark.parametrize(("output", "fetched"), [("set.npz", False), ("set", False), ("set.npz", True)])
def test_a_full_disk_is_reported_and_nothing_is_left(exported, script, tmp_path, output, fetched):
    audit = exported()
    most = len(script.reports[CANVAS]) if fetched else 100

    with (
        files_of_at_most(most),
        pytest.raises(errors.OutputNotWritten, match="could not be written: File too large"),
    ):
        audit.export_subsets(tmp_path / output)

    assert list(tmp_path.iterdir()) == []


@contextmanager
def files_of_at_most(size_bytes: int):
    """A disk that takes no larger files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_refused_fill_is_shown_by_its_name(exported, tmp_path):
    with pytest.raises(errors.InvalidArgument, match="got 'noise'"):
        exported().export_subsets(tmp_path / "set.npz", fill=Fill.NOISE)


def test_a_result_with_pictures_has_the_images_as_the_search_saw_them(exported):
    audit = exported()

    seen, bare = audit.result(pictures=True), audit.result()

    assert seen.findings == bare.findings
    assert [one.picture is not None for one in seen.findings] == [bool(row["subset"]) for row in ROWS]
    assert seen.findings[0].picture.tolist() == np.rint(IMAGE.transpose(1, 2, 0) * 255).astype(int).tolist()
    assert all(one.picture is None for one in bare.findings)


def test_a_picture_of_another_number_of_channels_is_their_mean_with_its_contrast_stretched(exported):
    image = np.array([[[0.2, 0.2], [0.4, 0.4]], [[0.2, 0.2], [0.6, 0.6]]], dtype=np.float32)

    (first, *_) = exported(image=image).result(pictures=True).findings

    assert first.picture.tolist() == [[[0], [0]], [[255], [255]]]


def test_an_archive_of_pictures_that_is_damaged_is_told(exported, script):
    audit = exported()
    script.reports[CANVAS] = b"no archive"

    with pytest.raises(errors.DataLoss, match="damaged archive"):
        audit.result(pictures=True)
