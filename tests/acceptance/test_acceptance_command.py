"""`modicum audit` as a user types it, with each kind of model, data and search. Every part is real."""

import json
import shutil

import pytest
import torch
from modicum_server.model_process.cifar_resnet import build_cifar_resnet
from safetensors.torch import load_file

from tests.acceptance.acceptance_stage import ARCHITECTURE, CLASSES, PHOTOGRAPHS

WEIGHTS = ("--weights", "w.safetensors", "--architecture", ARCHITECTURE)
INPUT = ("--input", "input.toml", "--class-labels", "labels.txt")
QUICK = ("--threshold", 0.9, "--passes", 60, "--no-controls")


def subsets(report: dict) -> dict[str, str | None]:
    return {row["item"]: row["subset"] and row["subset"]["mask"] for row in report["rows"]}


def audited(place, *words, model=WEIGHTS, photos="photos", search=QUICK) -> dict:
    """The JSON report of an audit that must succeed."""
    done = place.run("modicum", "audit", photos, *model, *INPUT, *search, *words, "--output", "result.json")
    assert done.code == 0, done.messages
    return json.loads((place.folder / "result.json").read_text())


def test_the_command_of_the_readme_writes_ten_lines_a_result_and_a_page(place):
    done = place.fresh.run(
        "modicum",
        *("audit", "photos", *WEIGHTS, *INPUT, "--threshold", 0.9, "--method", "mask_optimization", "--passes", 80),
        *("--output", "result.json", "--output", "report.html", "--no-reuse"),
    )

    assert done.code == 0, done.messages
    *_, report, more = done.output.splitlines()
    assert len(done.output.splitlines()) <= 10
    assert report == "report: result.json, report.html"
    tables = place.run(*more.removeprefix("more: ").partition(" (")[0].split())
    assert "overinterpretation rate" in tables.output
    assert all(f"{number}.png" in tables.output for number in range(PHOTOGRAPHS))
    result = json.loads((place.folder / "result.json").read_text())
    assert result["dataset"]["labelled"] == result["dataset"]["with_labels"] == PHOTOGRAPHS
    (search,) = result["models"][0]["searches"]
    assert search["counts"]["with_subset"] == PHOTOGRAPHS
    assert search["measures"]["accuracy"]["value"] == 1.0
    assert 0 < search["measures"]["subset_fraction_median"]["value"] < 0.1
    controls = {"class_targeted", "fill", "dilated", "mask_only", "random", "shortcut"}
    assert {reading["control"] for reading in search["readings"]} == controls
    for row in result["rows"]:
        assert row["verified_confidence"] >= 0.9
        assert row["controls"]["class_targeted"]
        assert {fill["fill"] for fill in row["controls"]["fills"]} >= {"black", "white", "noise", "blur"}
        variants = {one["variant"] for one in row["controls"]["variants"]}
        assert variants == {"dilated", "white_on_mean", "black_on_mean", "random", "ring_filled", "band_filled"}
    page = (place.folder / "report.html").read_text()
    assert "<html" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


@pytest.mark.long
@pytest.mark.parametrize(
    "model",
    [
        pytest.param(("--exported", "model.pt2"), id="pt2"),
        pytest.param(("--torchscript", "model.pt"), id="script", marks=pytest.mark.long),
    ],
)
def test_an_allowed_program_is_audited_and_predicts_as_its_weights_do(place, model):
    rows = audited(place, model=model)["rows"]

    assert [row["predicted_class"] for row in rows] == [row["label"] for row in rows]
    assert all(row["subset"]["fraction"] < 0.2 for row in rows)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")  # of torch
def test_a_network_in_onnx_is_audited_by_forward_passes_and_predicts_as_its_weights_do(place):
    network = build_cifar_resnet("cifar_resnet8", len(CLASSES))
    network.load_state_dict(load_file(place.folder / "w.safetensors"))
    batch = ({0: torch.export.Dim("images", min=1, max=4096)},)
    images = (torch.zeros(2, 3, 32, 32),)
    path = place.folder / "net.onnx"
    torch.onnx.export(network.eval(), images, path, dynamic_shapes=batch, external_data=False, verbose=False)

    result = audited(place, model=("--weights", "net.onnx"))

    rows = result["rows"]
    assert [row["predicted_class"] for row in rows] == [row["label"] for row in rows]
    assert all(row["subset"] for row in rows)
    (search,) = result["models"][0]["searches"]
    assert search["gradient_free"]
    refused = place.run(
        *("modicum", "audit", "photos", "--weights", "net.onnx", *INPUT, "--threshold", 0.9),
        *("--method", "batched_gradient", "--pixels-per-step", 64),
    )
    assert refused.code == 5
    assert "has no useful gradient, but batched_gradient needs one" in " ".join(refused.messages.split())


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(("batched_gradient", "--pixels-per-step", 64), id="batched_gradient"),
        pytest.param(("backselect", "--fraction", 0.5), id="backselect", marks=pytest.mark.long),
    ],
)
def test_every_method_finds_verified_subsets(place, method):
    search = ("--threshold", 0.9, "--method", *method, "--no-controls", "--sample", 2)
    rows = audited(place, search=search)["rows"]

    assert len(rows) == 2
    assert all(row["verified_confidence"] >= 0.9 and row["subset"]["size"] > 0 for row in rows)


@pytest.mark.long
def test_the_same_seed_gives_the_same_subsets_and_another_seed_different_ones(place):
    first, again, other = (
        audited(place, "--seed", seed, "--fill", "noise", "--no-reuse", "--sample", 9) for seed in (5, 5, 6)
    )

    assert first["audit"] != again["audit"]
    assert subsets(first) == subsets(again)
    assert subsets(first) != subsets(other)


@pytest.mark.long
def test_a_sample_is_drawn_by_the_seed(place):
    first, again, other = (subsets(audited(place, "--sample", 3, "--seed", seed)) for seed in (1, 1, 2))

    assert len(first) == 3
    assert first.keys() == again.keys()
    assert first.keys() != other.keys()


@pytest.mark.long
def test_another_fill_replaces_masked_pixels(place):
    black = audited(place, "--fill", "black")

    assert black["specification"]["searches"][0]["fill"].lower().endswith("black")
    assert subsets(black) != subsets(audited(place))


@pytest.mark.long
def test_each_threshold_is_its_own_search(place):
    searches = audited(place, "--threshold", 0.5, "--sample", 3)["models"][0]["searches"]

    assert [search["search"]["threshold"] for search in searches] == [0.9, 0.5]


@pytest.mark.long
def test_photographs_without_labels_only_lack_an_accuracy(place):
    result = audited(place, photos="flat")

    (search,) = result["models"][0]["searches"]
    assert result["dataset"]["labelled"] == 0
    assert search["measures"].get("accuracy", {}).get("value") is None
    assert search["measures"]["overinterpretation_rate"]["value"] is not None


@pytest.mark.long
def test_labels_may_come_in_a_csv_and_arrays_in_an_npz(place):
    (place.folder / "names.csv").write_text(
        "file,label\n" + "".join(f"{number}.png,{CLASSES[number % 3]}\n" for number in range(PHOTOGRAPHS))
    )

    for result in (audited(place, "--photo-labels", "names.csv", photos="flat"), audited(place, photos="photos.npz")):
        (search,) = result["models"][0]["searches"]
        assert search["measures"]["accuracy"]["value"] == 1.0


def test_a_broken_photograph_is_a_finding_with_a_reason_and_the_audit_succeeds(place):
    (place.folder / "photos" / "red" / "broken.png").write_bytes((place.folder / "flat" / "0.png").read_bytes()[:300])
    (place.folder / "photos" / "red" / "empty.jpg").write_bytes(b"")

    result = audited(place)

    reasons = {row["item"]: row["reason"] for row in result["rows"] if row["reason"]}
    assert reasons == {"red/broken.png": "IMAGE_UNREADABLE", "red/empty.jpg": "IMAGE_UNREADABLE"}
    assert {failure["item"] for failure in result["failures"]} == set(reasons)


@pytest.mark.long
def test_an_audit_of_only_broken_photographs_is_refused(place):
    shutil.rmtree(place.folder / "flat")
    (place.folder / "flat").mkdir()
    (place.folder / "flat" / "a.png").write_bytes(b"no photograph")

    done = place.run("modicum", "audit", "flat", *WEIGHTS, *INPUT, *QUICK)

    assert done.code == 5
    assert "no image could be measured; the image cannot be decoded" in done.messages
    assert done.messages.rstrip().endswith(": a.png [NO_IMAGE_MEASURED]")


@pytest.mark.long
def test_photographs_of_any_shape_and_mode_are_framed_on_the_canvas(place):
    from PIL import Image  # noqa: PLC0415 - this test makes pictures

    for name, mode, size in (
        ("grey.png", "L", (50, 40)),
        ("clear.png", "RGBA", (33, 90)),
        ("palette.gif", "P", (8, 8)),
    ):
        Image.new(mode, size, 90).save(place.folder / "flat" / name)

    rows = audited(place, photos="flat")["rows"]

    assert all(row["predicted_class"] is not None for row in rows)


@pytest.mark.long
def test_an_ensemble_and_a_wrapper_are_registered_and_audited(place):
    """An ensemble of the same network twice predicts as the network does."""
    input_words = ("--input", "input.toml", "--class-labels", "labels.txt")
    for name in ("one", "two"):
        place.run("modicum", "models", "create", name, *WEIGHTS, *input_words)
    both = place.run("modicum", "models", "ensemble", "both", "one", "two/1", "--json")
    dropped = place.run("modicum", "models", "input-dropout", "dropped", "both", "--samples", 3, "--json")
    assert (both.code, dropped.code) == (0, 0), both.messages + dropped.messages
    assert [part.rsplit("/models/")[1] for part in both.document["parts"]] == ["one/versions/1", "two/versions/1"]
    place.run("modicum", "datasets", "create", "photos", "photos")

    words = ("audits", "create", "--model", "one", "--model", "both", "--model", "dropped", "--dataset", "photos")
    name = place.run("modicum", *words, *QUICK, "--json").document["name"]
    place.run("modicum", "audits", "watch", name)
    done = place.run("modicum", "audits", "report", name, "--output", "all.json")

    assert done.code == 0, done.messages
    alone, together, wrapped = json.loads((place.folder / "all.json").read_text())["models"]
    measures = [model["searches"][0]["measures"] for model in (alone, together)]
    assert measures[0] == measures[1]
    assert wrapped["searches"][0]["counts"]["failed"] == 0


@pytest.mark.long
def test_the_check_of_an_ensemble_of_two_equal_members_is_inconclusive_on_nine_images(place):
    input_words = ("--input", "input.toml", "--class-labels", "labels.txt")
    for name in ("left", "right"):
        place.run("modicum", "models", "create", name, *WEIGHTS, *input_words)
    words = ("ensemble", "check", "photos", "--member", "left", "--member", "right", "--threshold", 0.9, "--passes", 60)
    options = ("--level", 0.8, "--alpha", 0.1, "--ratio-limit", 1.2, "--accuracy-limit", -0.05)

    done = place.run("modicum", *words, *options, "--output", "check.json", "--output", "check.html")

    assert done.code == 4, done.messages
    assert "INCONCLUSIVE (no out-of-distribution data set)" in done.output
    assert "fewer than 30 images" in done.output
    assert done.output.splitlines()[-1] == "report: check.json, check.html"
    result = json.loads((place.folder / "check.json").read_text())
    (check,) = result["mitigation"]
    assert list(check["temperatures"].values()) == pytest.approx([1.0, 1.0], rel=0.5)
    assert all(abs(one["member"] - one["ensemble"]) <= 1 for one in check["matched_eligibility"].values())
    assert [*check["matched_eligibility"]] == check["members"]
    assert check["limits"] == {"ratio": 1.2, "accuracy_difference": -0.05, "images": 30}
    assert result["models"][0]["searches"][0]["measures"]["overinterpretation_rate"]["parameters"]["alpha"] == 0.1
    assert check["measures"]["subset_fraction_ratio"]["value"] == pytest.approx(1.0, rel=0.2)
    assert check["measures"]["matched_subset_fraction_ratio"]["n"] > 0
    page = (place.folder / "check.html").read_text()
    assert "Does the ensemble mitigate overinterpretation?" in page
    assert "80% interval" in page
    searches = [search for model in result["models"] for search in model["searches"]]
    companions = [one["measures"]["overinterpretation_rate_class_targeted"]["n"] for one in searches]
    assert [n > 0 for n in companions] == [not one["search"]["matched"] for one in searches]
    assert {control["control"] for control in result["specification"]["controls"]} >= {"class_targeted", "transfer"}


@pytest.mark.long
def test_an_ensemble_is_checked_on_images_outside_its_training_too(place):
    input_words = ("--input", "input.toml", "--class-labels", "labels.txt")
    for name in ("near", "far"):
        place.run("modicum", "models", "create", name, *WEIGHTS, *input_words)
    label = (place.folder / "labels.txt").read_text().split()[0]
    from PIL import Image  # noqa: PLC0415

    (place.folder / "outside" / label).mkdir(parents=True)
    for shade in (40, 90, 200):
        Image.new("RGB", (40, 40), (shade, 20, 20)).save(place.folder / "outside" / label / f"{shade}.png")
    (place.folder / "outside" / label / "broken.png").write_bytes(b"no picture")
    words = ("ensemble", "check", "photos", "--member", "near", "--member", "far", "--threshold", 0.9, "--passes", 60)

    done = place.run(
        "modicum", *words, "--out-of-distribution", "outside", "--output", "check.json", "--output", "outside.html"
    )

    assert done.code == 4, done.messages
    assert done.output.startswith("INCONCLUSIVE: ensemble-near-far/1")
    assert "3 of 4 labelled images have a prediction by every version" in done.output
    (check,) = json.loads((place.folder / "check.json").read_text())["mitigation"]
    assert (check["stamp"], check["measures"]["ood_accuracy_difference"]["value"]) == ("", 0.0)
    assert (check["out_of_distribution"]["used"], check["out_of_distribution"]["failed"]) == (3, 1)
    assert "Out-of-distribution accuracy" in (place.folder / "outside.html").read_text()
