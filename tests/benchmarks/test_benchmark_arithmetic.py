"""The benchmark of bfloat16: what is measured of two searches of the same images, and its table."""

from pathlib import Path

import torch
from modicum.sources.inputs import InputSpecification
from modicum_sis import Classifier

from benchmarks import arithmetic, arithmetic_tables
from benchmarks.subjects import Source, Subject
from tests.sis.sis_models import TinyNetwork, random_images

RATIO = {"low": 0.5, "high": 0.7}
ROW = {
    "name": "ResNet-20",
    "pictures": "photographs",
    "n": 100,
    "passes": 600,
    "chosen": "bfloat16",
    "reason": "",
    "seconds": {"value": 0.6, **RATIO},
    "sizes": {"mean": 1.02, "images": 100, "low": 0.99, "high": 1.05},
}


def test_the_table_has_the_ratios_and_the_choice():
    text = "\n".join(arithmetic_tables.arithmetic({"rows": [ROW], "absent": ["no photographs"]}))

    assert "| ResNet-20, photographs | 600 | 100 | 0.60 [0.50, 0.70] | 1.02 [0.99, 1.05] | **bfloat16** |" in text
    assert "Not measured: no photographs." in text


def test_a_row_without_a_search_says_why():
    row = {**ROW, "chosen": "float32", "reason": "no instructions", "seconds": None, "sizes": None}

    text = "\n".join(arithmetic_tables.arithmetic({"rows": [row], "absent": []}))

    assert "| 0 | not measured | not measured | **float32**: no instructions |" in text


def test_few_images_choose_nothing(monkeypatch):
    source = Source(
        name="tiny",
        pictures="noise",
        architecture="",
        weights=Path(),
        input=InputSpecification(height=8, width=8, mean=(0.5,) * 3, std=(0.25,) * 3, channels=3),
        threshold=0.5,
        photographs=(),
    )
    made = Classifier(TinyNetwork(), mean=0.5, std=0.25)
    monkeypatch.setattr(arithmetic, "classifier_of", lambda source, accelerate: made)

    row = arithmetic.compared(Subject(source, made, random_images(3), (Path(),) * 3, 3), passes=30)

    assert (row["chosen"], row["seconds"], row["n"]) == ("float32", None, 3)
    assert "at least 100" in row["reason"]


def test_threads_are_restored_where_everything_is_absent():
    before = torch.get_num_threads()

    part = arithmetic.measure(None, quick=True)

    assert part["rows"] == []
    assert len(part["absent"]) == len(("CIFAR", "ImageNet"))
    assert torch.get_num_threads() == before
