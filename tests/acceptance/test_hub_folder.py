"""A folder of Hugging Face is one argument: through gRPC, Postgres and a confined model process of TorchServe."""

import json

import pytest
import torch
from PIL import Image

from tests.acceptance.acceptance_stage import CLASSES, PHOTOGRAPHS
from tests.hub.hub_stage import family, quietly, saved, saved_timm

QUICK = ("--threshold", 0.4, "--passes", 40, "--no-controls", "--no-reuse")
LABELS = dict(enumerate((*CLASSES, "grey", "other")))


def audited(place, *model) -> list[dict]:
    done = place.run("modicum", "audit", "photos", *model, *QUICK, "--output", "result.json")
    assert done.code == 0, done.messages
    return json.loads((place.folder / "result.json").read_text())["rows"]


@pytest.mark.long
def test_a_folder_of_transformers_is_audited_as_its_library_predicts(place):
    from transformers import AutoImageProcessor  # noqa: PLC0415 - seconds of imports that other tests do not need

    of = family("vit")
    model = saved(of, place.folder / "my-vit", id2label=LABELS, label2id={name: at for at, name in LABELS.items()})
    processor = quietly(lambda: AutoImageProcessor.from_pretrained(place.folder / "my-vit", backend="pil"))

    rows = audited(place, "--model", "my-vit/")

    assert len(rows) == PHOTOGRAPHS
    for row in rows:
        picture = Image.open(next((place.folder / "photos").rglob(row["item"].rpartition("/")[2]))).convert("RGB")
        with torch.no_grad():
            expected = model(**processor(picture, return_tensors="pt")).logits.softmax(dim=1)[0]
        assert row["predicted_class"] == int(expected.argmax())
        assert row["confidence"] == pytest.approx(float(expected.max()), abs=1e-4)
    shown = place.run("modicum", "models", "show", "my-vit", "--json").document
    assert shown["architecture"] == "transformers:vit"
    assert shown["class_labels"] == list(LABELS.values())
    assert shown["state"] == "READY"


@pytest.mark.long
def test_a_folder_of_timm_is_registered_and_its_weights_alone_are_too(place):
    saved_timm(
        "resnet10t", place.folder / "net", preparing={"input_size": (3, 64, 64), "crop_pct": 0.9, "mean": (0.5,) * 3}
    )

    created = place.run("modicum", "models", "create", "net", "--model", "net", "--json")

    assert created.code == 0, created.messages
    assert (created.document["architecture"], created.document["input"]["resize"]) == ("timm:resnet10t", 71)


@pytest.mark.long
def test_a_folder_whose_weights_are_of_another_model_ends_with_5(place):
    saved(family("vit"), place.folder / "my-vit", id2label=LABELS, label2id={name: at for at, name in LABELS.items()})
    path = place.folder / "my-vit" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "num_hidden_layers": 3}))

    done = place.run("modicum", "audit", "photos", "--model", "my-vit", *QUICK)

    assert done.code == 5
    assert "do not fit config.json: missing" in " ".join(done.messages.split())
