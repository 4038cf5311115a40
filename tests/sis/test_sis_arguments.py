"""An argument of the wrong kind is refused before any pass, with advice on what to give instead."""

import numpy as np
import pytest
import torch
from modicum_sis import (
    BackSelect,
    BatchedGradient,
    GradientFree,
    ImageError,
    MaskOptimization,
    ParameterError,
    find_subsets,
    load_findings,
    save_findings,
)

from tests.sis.sis_models import TinyNetwork, linear_classifier, ones, random_images

WRONG = {
    "a module as classifier": ({"classifier": TinyNetwork()}, ParameterError, r"got TinyNetwork.*Classifier\(module"),
    "no images": ({"images": None}, ImageError, "got None"),
    "images that can be read once": ({"images": iter(ones(2, 2, 2))}, ImageError, "got .*iterator.*Make a list"),
    "a folder as images": ({"images": "photographs"}, ImageError, "got 'photographs'"),
    "a class as search": ({"search": MaskOptimization}, ParameterError, "the class MaskOptimization.*an instance"),
    "a name as search": ({"search": "mask_optimization"}, ParameterError, r"MaskOptimization\(passes=600\)"),
    "no search": ({"search": None}, ParameterError, "expected a search.*got None"),
    "text as threshold": ({"threshold": "0.9"}, ParameterError, "threshold must be a number .*got '0.9'"),
    "no threshold": ({"threshold": None}, ParameterError, "threshold must be a number"),
    "true as threshold": ({"threshold": True}, ParameterError, "threshold must be a number"),
    "nan as threshold": ({"threshold": float("nan")}, ParameterError, "threshold must be a number"),
    "one target missing": ({"targets": [0, None]}, ParameterError, r"targets\[1\] must be a whole number; got None"),
    "a float as target": ({"targets": [0, 1.0]}, ParameterError, r"targets\[1\]"),
    "true as target": ({"targets": [True, 0]}, ParameterError, r"targets\[0\]"),
    "a tensor of floats as targets": ({"targets": torch.zeros(2)}, ParameterError, r"targets\[0\]"),
    "one number as targets": ({"targets": 1}, ParameterError, "a list of class indices"),
    "a float as chunk size": ({"chunk_size": 4.0}, ParameterError, "chunk_size must be a whole number, or None"),
    "true as chunk size": ({"chunk_size": True}, ParameterError, "chunk_size"),
    "chunks of nothing": ({"chunk_size": 0}, ParameterError, "at least 1, or None; got 0"),
    "no seed": ({"seed": None}, ParameterError, "seed must be a whole number; got None"),
    "a float as seed": ({"seed": 1.0}, ParameterError, "seed"),
    "a number as a request to stop": ({"should_stop": 5}, ParameterError, "should_stop must be a function.*got 5"),
    "a number as progress": ({"progress": 3}, ParameterError, "progress must be a function, or None; got 3"),
    "numbers as digests": ({"digests": ["a", 7]}, ParameterError, r"digests\[1\] is 7"),
}
WRONG_SEARCHES = {
    "half a pass": lambda: MaskOptimization(60.0),
    "true passes": lambda: MaskOptimization(True),
    "half a pass without a gradient": lambda: GradientFree(60.0),
    "text as passes": lambda: GradientFree("60"),
    "one and a half pixels": lambda: BatchedGradient(1.5),
    "true pixels": lambda: BatchedGradient(True),
    "text as fraction": lambda: BackSelect("0.1"),
    "true as fraction": lambda: BackSelect(True),
}


def find(**options):
    classifier = linear_classifier(torch.full((2, 2), 2.0))
    given = {"classifier": classifier, "images": ones(2, 2, 2), "threshold": 0.9, "search": BatchedGradient()}
    given |= options
    return find_subsets(given.pop("classifier"), given.pop("images"), **given)


@pytest.mark.parametrize(("options", "error", "says"), WRONG.values(), ids=WRONG)
def test_an_argument_of_the_wrong_kind_is_refused_before_the_first_finding_is_requested(options, error, says):
    with pytest.raises(error, match=says):
        find(**options)


def test_a_refused_argument_costs_no_pass():
    classifier = linear_classifier(torch.full((2, 2), 2.0))

    with pytest.raises(ParameterError):
        find(classifier=classifier, threshold="0.9")

    assert classifier._module.calls == []


@pytest.mark.parametrize(
    "targets",
    [[0, 1], (np.int64(0), np.int32(1)), torch.tensor([0, 1]), np.array([0, 1]), [torch.tensor(0), torch.tensor(1)]],
    ids=["ints", "ints of numpy", "a tensor", "an array", "tensors of one int"],
)
def test_targets_may_be_whole_numbers_of_any_type(targets):
    assert [finding.target_class for finding in find(targets=targets)] == [0, 1]


@pytest.mark.parametrize("search", WRONG_SEARCHES.values(), ids=WRONG_SEARCHES)
def test_a_search_with_a_budget_of_the_wrong_kind_is_refused(search):
    with pytest.raises(ParameterError, match=r"must be a (whole )?number.*; got"):
        search()


def test_numpy_numbers_are_stored_as_python_numbers(tmp_path):
    classifier, images = linear_classifier(torch.full((2, 2), 2.0)), ones(1, 2, 2)
    found = find(
        classifier=classifier,
        images=images,
        threshold=np.float32(0.5),
        seed=np.int64(3),
        search=GradientFree(np.int64(9)),
    )

    save_findings(tmp_path / "found.npz", found)

    (loaded,) = load_findings(tmp_path / "found.npz")
    kept = loaded.parameters
    assert (kept.threshold, kept.seed, kept.search) == (0.5, 3, GradientFree(9))
    assert type(kept.search.passes) is int


def test_a_wrong_argument_is_refused_even_without_images():
    with pytest.raises(ParameterError, match="search"):
        find(images=random_images(0), search="any")
