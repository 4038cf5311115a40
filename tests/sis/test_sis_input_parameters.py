"""The declared input is checked, recorded in every finding, and compared when a run is resumed."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from modicum_sis import (
    Classifier,
    InputParameters,
    MaskOptimization,
    ParameterError,
    find_subsets,
    load_findings,
    save_findings,
)

from tests.sis.sis_models import TinyNetwork, random_images

WRONG = {
    "one bound": ({"bounds": 1}, "two increasing numbers"),
    "three bounds": ({"bounds": (0, 0.5, 1)}, "two increasing numbers"),
    "bounds of text": ({"bounds": ("0", "1")}, "two increasing numbers"),
    "endless bounds": ({"bounds": (0, float("inf"))}, "two increasing numbers"),
    "a mean by name": ({"mean": "imagenet"}, "mean must be one finite number, or one for each channel; got 'imagenet'"),
    "a mean with a gap": ({"mean": (0.5, None, 0.5)}, "mean must be"),
    "no size": ({"input_size": 0}, "input_size must be at least 1"),
    "a negative size": ({"input_size": -8}, "input_size must be at least 1"),
    "half a size": ({"input_size": 8.0}, "input_size must be a whole number"),
    "a size with channels": ({"input_size": (3, 8, 8)}, "height and width"),
    "no device": ({"device": "gpu"}, "device must be one that torch has here"),
    "an absent device": ({"device": "cuda:31"}, "device must be one that torch has here"),
    "a mean in bytes": ({"mean": 123.0}, r"mean must lie within the bounds 0 and 1.*got 123.0.*fill_mean="),
    "a fill in bytes": ({"fill_mean": (0.5, 0.5, 127)}, r"fill_mean must lie within the bounds 0 and 1"),
    "a fill below": ({"mean": 0.5, "fill_mean": -0.1}, "fill_mean must lie within"),
}


@pytest.mark.parametrize(("options", "says"), WRONG.values(), ids=WRONG)
def test_an_invalid_declaration_is_refused(options, says):
    with pytest.raises(ParameterError, match=says):
        Classifier(TinyNetwork(), **options)


def test_a_mean_outside_the_bounds_is_accepted_with_a_fill_inside():
    assert Classifier(TinyNetwork(), mean=-2.0, fill_mean=0.5).fill_mean.flatten().tolist() == [0.5]


def test_a_fill_at_the_end_of_the_bounds_is_within_them_in_any_precision():
    assert Classifier(TinyNetwork(), (0, 0.1), mean=float(np.float32(0.1))).input.bounds == (0, 0.1)


def found(**options):
    classifier = Classifier(TinyNetwork(), **{"mean": 0.5, "std": 0.25, **options})
    return list(find_subsets(classifier, random_images(2), threshold=0.3, search=MaskOptimization(40)))


def test_findings_record_the_declared_input_also_in_a_file(tmp_path):
    expected = InputParameters((0.0, 1.0), (0.5,), (0.25,), (8, 8), (0.25, 0.5, 0.75))

    findings = found(input_size=8, fill_mean=(0.25, 0.5, 0.75))
    save_findings(tmp_path / "found.npz", findings)

    assert findings[0].parameters.input == expected
    assert load_findings(tmp_path / "found.npz")[0].parameters == findings[0].parameters


def test_a_file_without_the_declared_input_can_be_read_and_resumed(tmp_path):
    save_findings(tmp_path / "found.npz", found())
    with np.load(tmp_path / "found.npz") as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    for parameters in header["parameters"]:
        del parameters["input"], parameters["digests_given"]
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(tmp_path / "old.npz", **arrays)

    loaded = load_findings(tmp_path / "old.npz")
    classifier = Classifier(TinyNetwork(), mean=0.5, std=0.25)
    resumed = list(
        find_subsets(classifier, random_images(2), threshold=0.3, search=MaskOptimization(40), resume=loaded)
    )

    assert loaded[0].parameters.input is None
    assert [finding.digest for finding in resumed] == [finding.digest for finding in loaded]


def test_findings_with_another_declared_input_are_not_resumed_even_if_scores_are_equal():
    before = found(fill_mean=0.25)
    said = replace(before[0].parameters.input, bounds=(0.0, 2.0))
    before = [replace(each, parameters=replace(each.parameters, input=said)) for each in before]
    classifier = Classifier(TinyNetwork(), mean=0.5, std=0.25, fill_mean=0.25)

    with pytest.raises(ParameterError, match=r"had a classifier with .*bounds="):
        find_subsets(classifier, random_images(2), threshold=0.3, search=MaskOptimization(40), resume=before)


def test_declarations_that_differ_only_in_form_agree():
    one = Classifier(TinyNetwork(), mean=0.1, std=0.3).input
    same = Classifier(TinyNetwork(), mean=torch.full((3,), 0.1), std=(0.3, 0.3, 0.3)).input
    other = Classifier(TinyNetwork(), mean=(0.1, 0.1, 0.11), std=0.3).input

    assert one.equivalent_to(same)
    assert same.equivalent_to(one)
    assert not one.equivalent_to(other)
