"""The client with a real local server: Postgres, API, worker and TorchServe."""

import fcntl
import json
import os
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import torch
from modicum import Client, errors
from modicum.sources.inputs import InputSpecification
from modicum_server.model_process.cifar_resnet import build_cifar_resnet
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.waiting import eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

CLASSES = ["cat", "dog", "ship"]


@pytest.fixture
def place(short_folder, monkeypatch):
    """Three images in class folders, one file that is not an image, and the weights of an untrained network."""
    monkeypatch.setenv("MODICUM_DATA", str(short_folder / "data"))
    random = np.random.default_rng(0)
    for label in CLASSES:
        (short_folder / "photos" / label).mkdir(parents=True)
        pixels = random.integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(short_folder / "photos" / label / "a.png")
    (short_folder / "photos" / "cat" / "broken.jpg").write_bytes(b"no picture")
    torch.manual_seed(0)
    save_file(build_cifar_resnet("cifar_resnet20", len(CLASSES)).state_dict(), short_folder / "w.safetensors")
    (short_folder / "labels.txt").write_text("\n".join(CLASSES))
    (short_folder / "boxes.csv").write_text("cat/a.png,0,0,24,40\ncat/broken.jpg,0,0,1,1\n")
    return short_folder


def register(client, place):
    return client.models.register(
        "m",
        weights=place / "w.safetensors",
        architecture="modicum:cifar_resnet20",
        input="cifar10",
        class_labels=place / "labels.txt",
    )


@pytest.mark.long
def test_an_audit_goes_from_files_to_findings_and_reports(place):
    with Client() as client:
        model = register(client, place)
        photos = client.datasets.upload("holdout", place / "photos", boxes=place / "boxes.csv")
        audit = client.audits.create(models=[model], dataset=photos, thresholds=[0.34], passes=40, pixel_subsets=40)
        events = list(audit.watch())
        result = audit.result()

        assert (photos.item_count, photos.labelled_count) == (4, 4)
        assert events[-1].state == "SUCCEEDED"
        assert [event.sequence for event in events] == sorted({event.sequence for event in events})
        _expect_findings(result)
        _expect_objects(client, place, result)
        _expect_pixel_subsets(result)
        assert b"<html" in audit.report("html")[:200]
        assert len(json.loads(audit.report("json"))["rows"]) == 4
        _expect_masked_sets(place, audit)
        _expect_fiftyone(place, audit)
        _expect_identity(client, place, model, audit)
        _expect_command(place, model)
        _expect_arrays(client, place)
    _expect_silence(place)


def _expect_arrays(client, place):
    """Images of 13 channels: one within the bounds, and one beyond them, which is a finding with a reason."""
    network = build_cifar_resnet("cifar_resnet8", len(CLASSES))
    network.stem_conv = torch.nn.Conv2d(13, 16, 3, padding=1, bias=False)
    save_file(network.state_dict(), place / "w13.safetensors")
    bands = InputSpecification(height=32, width=32, channels=13, mean=(0.5,) * 13, std=(0.25,) * 13)
    model = client.models.register(
        "bands", weights=place / "w13.safetensors", architecture="modicum:cifar_resnet8", input=bands
    )
    (place / "arrays").mkdir()
    for name, highest in (("good", 1.0), ("bad", 1.5)):
        np.save(
            place / "arrays" / f"{name}.npy", np.linspace(0, highest, 40 * 48 * 13, dtype="<f4").reshape(40, 48, 13)
        )

    audit = client.audits.create(
        models=[model], dataset=client.datasets.upload("bands", place / "arrays"), thresholds=[0.34], passes=40
    )

    found = {finding.item: finding for finding in audit.result().findings}
    assert found["bad.npy"].reason == "IMAGE_UNREADABLE"
    assert found["good.npy"].subset.mask.shape == (32, 32)
    assert b"the mean of its 13 channels" in audit.report("html")


def _expect_objects(client, place, result):
    """Boxes cover the left half of one image, so half of the canvas; boxes of an unknown image are refused."""
    objects = {finding.item: finding.controls.objects for finding in result.findings}
    assert objects["cat/a.png"].area == 0.5
    assert [objects[item] for item in ("cat/broken.jpg", "dog/a.png", "ship/a.png")] == [None] * 3
    asked = {finding.item: [one.variant for one in finding.controls.variants] for finding in result.findings}
    assert {"outside_filled", "objects_filled"} <= set(asked["cat/a.png"])
    assert {"ring_filled", "band_filled"} <= set(asked["dog/a.png"])
    assert result.models[0].shortcut == "INCONCLUSIVE"  # three images
    (place / "outside.json").write_text('{"cat/a.png": [[0, 0, 49, 40]]}')
    with pytest.raises(errors.DataRefused, match=r"cat/a\.png") as refused:
        client.datasets.upload("outside", place / "photos", boxes=place / "outside.json")
    assert refused.value.reason == "OBJECTS_INVALID"


def _expect_pixel_subsets(result):
    """Pixel subsets are measured on every readable image, within the budget, beside the default controls."""
    measured = {finding.item: finding.controls.pixel_subset for finding in result.findings}
    assert measured.pop("cat/broken.jpg") is None
    for found in measured.values():
        assert found.subset.mask.sum() == found.subset.size == 52
        assert (found.method, found.trace.kept) == ("mask_optimization", ())
        assert found.passes.equivalents <= 40
    assert result.models[0].pixel_subsets_accuracy.n == 3
    assert result.models[0].confidence_curve == ()


def _expect_masked_sets(place, audit):
    """The network is as confident in every exported image as when the subset was verified."""
    verified = {finding.item: finding.verified_confidence for finding in audit.result().findings}
    masked = audit.export_subsets(place / "subsets.npz")
    network = build_cifar_resnet("cifar_resnet20", len(CLASSES)).eval()
    network.load_state_dict(load_file(place / "w.safetensors"))

    with np.load(place / "subsets.npz", allow_pickle=False) as arrays:
        mean, std = (torch.tensor(masked.manifest[name]).view(3, 1, 1) for name in ("mean", "std"))
        images, targets = torch.from_numpy(arrays["images"]), arrays["targets"].tolist()
    with torch.no_grad():
        confidences = network((images - mean) / std).softmax(1)
    assert len(images) == len(masked.exports)
    for row, target, export in zip(confidences, targets, masked.exports, strict=True):
        assert float(row[target]) == pytest.approx(verified[export.finding.item], abs=1e-4)


def _expect_fiftyone(place, audit):
    """The masks are those of the findings, and the pictures are on the canvas."""
    findings = {one.item: one for one in audit.result().findings if one.subset}
    audit.export_fiftyone(place / "fiftyone")

    samples = json.loads((place / "fiftyone" / "samples.json").read_text())["samples"]
    assert sorted(one["item"] for one in samples) == sorted(findings)
    for sample in samples:
        picture, mask = (
            np.array(Image.open(place / "fiftyone" / path))
            for path in (sample["filepath"], sample["subset"]["mask_path"])
        )
        assert np.array_equal(mask > 0, findings[sample["item"]].subset.mask)
        assert picture.shape == (*mask.shape, 3)


def _expect_findings(result):
    by_item = {finding.item: finding for finding in result.findings}
    assert set(by_item) == {"cat/a.png", "cat/broken.jpg", "dog/a.png", "ship/a.png"}
    assert by_item["cat/broken.jpg"].reason == "IMAGE_UNREADABLE"
    for finding in result.findings:
        if finding.subset:
            assert finding.subset.mask.shape == (32, 32)
            assert finding.subset.mask.sum() == finding.subset.size
            assert finding.verified_confidence >= 0.34 or finding.baseline_confident
    assert result.models[0].searches[0].counts["failed"] == 1
    assert str(result.models[0].overinterpretation_rate)


def _expect_identity(client, place, model, audit):
    """An equal upload returns what exists. A changed data set of the same name, and a deletion in use, are refused."""
    assert register(client, place) == model
    assert client.datasets.upload("holdout", place / "photos", boxes=place / "boxes.csv").item_count == 4
    with tarfile.open(place / "photos.tar", "w") as archive:
        archive.add(place / "photos", arcname="")
    assert client.datasets.upload("holdout", place / "photos.tar", boxes=place / "boxes.csv").item_count == 4
    again = client.audits.create(models=["m"], dataset="holdout", thresholds=[0.34], passes=40, pixel_subsets=40)
    assert again.snapshot.reused_from == audit.name
    (place / "photos" / "dog" / "b.png").write_bytes((place / "photos" / "cat" / "a.png").read_bytes())
    with pytest.raises(errors.AlreadyExists) as caught:
        client.datasets.upload("holdout", place / "photos", boxes=place / "boxes.csv")
    assert caught.value.reason == "DATASET_DIFFERS"
    with pytest.raises(errors.FailedPrecondition, match="audits/"):
        client.models.delete("m")


def _expect_command(place, model):
    """The command uses the server of this test."""
    options = ["--weights", "w.safetensors", "--architecture", "modicum:cifar_resnet20", "--input", "cifar10"]
    options += ["--class-labels", "labels.txt", "--name", "m", "--threshold", "0.34", "--passes", "40"]
    command = [sys.executable, "-m", "modicum", "audit", "photos", *options, "--output", "r.html", "--json"]

    done = subprocess.run(command, cwd=place, capture_output=True, text=True, env=os.environ, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["models"][0]["model_version"] == model.name
    assert b"<html" in (place / "r.html").read_bytes()[:200]


def _expect_silence(place):
    """The server stops when no client uses it."""
    eventually(lambda: not (place / "data" / "server.json").exists(), "the server to stop")
    with (place / "data" / "server.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
