"""The paper's table: what is chosen, what is cached, and how a comparison with the paper is decided."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from modicum_sis import BatchedGradient, Classifier, MaskOptimization, gather_donors

from benchmarks import results
from benchmarks.paper import accuracy, choices, descent, exhaustive, mitigation, run, searches, sizes
from benchmarks.paper.choice import ByBackselect, ByControl, chosen
from benchmarks.paper.descent import descended, kept_pixels, masks_digest, random_masks
from benchmarks.paper.extent import QUICK
from benchmarks.paper.material import Network, ensemble_of, training_images
from benchmarks.paper.sufficient import eligible, sufficient
from benchmarks.paper.training import fresh, train
from benchmarks.subjects import Absent
from tests.benchmarks.paper_network import CORNER, SIDE, Corner, photographs


def test_a_descent_of_many_pixels_a_step_keeps_the_important_pixels(network):
    found = descended(network, photographs(1.0, 0.99))

    assert kept_pixels(SIDE, SIDE) == 4
    assert np.array_equal(found.masks, np.stack([CORNER] * 2))
    assert found.predicted.tolist() == found.chosen.tolist() == [1, 1]
    assert found.kept.tolist() == [64, 48, 32, 16, 0]


def test_the_step_of_a_descent_changes_the_curve_and_not_the_masks(network):
    many, one = (descended(network, photographs(1.0), step) for step in (16, 1))

    assert (many.curve.shape, one.curve.shape) == ((1, 5), (1, 65))
    assert np.array_equal(many.masks, one.masks)
    assert masks_digest(many.masks) == masks_digest(one.masks)


def test_the_smallest_sufficient_step_of_a_descent_is_its_subset_at_any_threshold(network):
    images = photographs(1.0, 0.99)

    many, one = (sufficient(network, images, descended(network, images, step), 0.7) for step in (16, 1))

    assert (many.size.tolist(), one.size.tolist()) == ([16, 16], [3, 3])
    assert one.masks.sum(axis=(1, 2)).tolist() == [3, 3]


def test_an_image_below_the_threshold_is_descended_and_has_no_sufficient_subset(network):
    images = photographs(0.7)

    found = sufficient(network, images, descended(network, images))

    assert descended(network, images).masks[0].sum() == 4
    assert np.isnan(found.size[0])
    assert not found.masks.any()
    assert not eligible(network, images).any()


def test_a_step_that_a_plain_pass_does_not_confirm_is_not_a_subset(network):
    images = photographs(1.0)
    found = descended(network, images, 1)
    found.curve[0, found.kept == 2] = 1.0  # as if the search had used more than these two pixels

    assert sufficient(network, images, found).size.tolist() == [4]


def test_where_the_bare_fill_suffices_there_is_no_size():
    bright = Network("Bright", Classifier(Corner(), fill_mean=1.0), "weights")
    images = photographs(1.0)

    found = sufficient(bright, images, descended(Network("Dark", Classifier(Corner(), fill_mean=0.0), "d"), images))

    assert np.isnan(found.size[0])
    assert not eligible(bright, images).any()


def test_a_descent_is_kept_and_found_again(network, monkeypatch):
    first = descended(network, photographs(1.0, 0.7))
    monkeypatch.setattr(descent, "pixel_subsets", None)

    again = descended(network, photographs(1.0, 0.7))

    assert all(np.array_equal(getattr(first, name), getattr(again, name)) for name in descent.Descent.__slots__)
    for other, pixels_per_step in ((Network("Corner", network.classifier, "others"), 16), (network, 1)):
        with pytest.raises(TypeError):  # with other weights or other steps it would be computed again
            descended(other, photographs(1.0, 0.7), pixels_per_step)


def test_images_in_blocks_are_those_without(network):
    whole = descended(network, photographs(1.0, 0.7, 0.99))

    blocks = descended(network, photographs(1.0, 0.7, 0.99), block=2)

    assert np.array_equal(whole.masks, blocks.masks)
    assert np.array_equal(whole.curve, blocks.curve)
    assert blocks.seconds > 0


@pytest.mark.parametrize(
    ("chooser", "words"),
    [
        (ByControl(MaskOptimization(40)), "mask_optimization, 40 passes"),
        (ByControl(BatchedGradient(16)), "batched_gradient, k = 16"),
        (ByBackselect(0.5), "backselect, fraction 0.5"),
        (ByBackselect(), "backselect, exact"),
    ],
)
def test_every_search_chooses_the_important_pixels_and_is_kept(network, monkeypatch, chooser, words):
    images = photographs(1.0, 0.99)

    found = chosen(network, images, chooser, block=1)
    monkeypatch.setattr(type(chooser), "choose", None)
    again = chosen(network, images, chooser, block=1)

    assert chooser.words == words
    assert np.array_equal(found.masks, np.stack([CORNER] * 2))
    assert found.predicted.tolist() == found.chosen.tolist() == [1, 1]
    assert found.confidence == pytest.approx(torch.sigmoid(torch.tensor([6.0, 5.84])).tolist(), rel=1e-5)
    assert np.array_equal(found.by_chance, again.by_chance)
    assert np.array_equal(found.passes, again.passes)


def test_all_searches_are_compared_with_the_same_random_pixels(network):
    images = photographs(*(1.0 - place / 1000 for place in range(12)))

    found = [chosen(network, images, each).by_chance for each in (ByControl(MaskOptimization(40)), ByBackselect(0.5))]

    assert np.array_equal(*found)


def test_a_row_of_a_strong_search_has_its_accuracies_its_differences_and_its_passes(network):
    brightness = [1.0 - place / 1000 for place in range(12)]

    row = choices.measure(network, photographs(*brightness, labels=[1] * 9 + [0] * 3), choices.strong(QUICK))

    assert [row[kind]["value"] for kind in ("full", "subsets", "random")] == [0.75, 0.75, 0.25]
    assert (row["search"], row["n"], row["same_class"]["value"]) == ("mask_optimization, 50 passes", 12, 1)
    assert row["subsets_less_full"]["value"] == 0
    assert row["passes"] <= 50


def test_the_slowest_search_comes_last_and_only_where_it_is_planned():
    with_exact = [chooser.words for chooser, *_ in choices.planned(replace(QUICK, exactly=1))]

    assert with_exact[-1] == "backselect, exact"
    assert [chooser.words for chooser, *_ in choices.planned(QUICK)] == with_exact[:-1]


def test_random_pixels_are_as_many_and_an_image_s_own():
    alone, among = random_masks(photographs(0.5)), random_masks(photographs(0.1, 0.5))

    assert among.sum(axis=(1, 2)).tolist() == [4, 4]
    assert np.array_equal(alone[0], among[1])
    assert not np.array_equal(among[0], among[1])


def test_random_pixels_are_those_of_which_the_library_says_what_is_predicted(network):
    images = photographs(*(1.0 - place / 1000 for place in range(40)))
    masked = torch.where(torch.from_numpy(random_masks(images)).unsqueeze(1), images.images, 0.0)

    predicted = network.classifier.logits(masked).argmax(1).tolist()

    assert descended(network, images).by_chance.tolist() == predicted
    assert {0, 1} >= set(predicted)


def test_accuracy_on_what_a_descent_left_is_that_on_full_images_and_random_pixels_lose_it(network):
    brightness = [1.0 - place / 1000 for place in range(12)]

    found = accuracy.measure(network, photographs(*brightness, labels=[1] * 9 + [0] * 3))

    assert [found[kind]["value"] for kind in ("full", "subsets", "random")] == [0.75, 0.75, 0.25]
    assert found["subsets_less_full"]["value"] == 0
    assert found["curve"]["kept"] == [64, 48, 32, 16, 0]
    assert found["curve"]["mean"][-1] == pytest.approx(0, abs=1e-3)
    assert found["seconds"] >= 0


def test_a_curve_has_few_points_and_both_its_ends(network):
    found = accuracy.curve(descended(network, photographs(1.0), 1), most_points=10)

    assert found["kept"] == [64, 57, 50, 43, 36, 29, 22, 15, 8, 1, 0]


def test_sizes_are_parted_by_correctness(network):
    found = sizes.measure(network, photographs(1.0, 0.99, 0.98, labels=[1, 0, 1]), QUICK)

    assert [(row["threshold"], row["sizes"]) for row in found] == [
        (0.99, {"correct": [16, 16], "incorrect": [16]}),
        (0.99, {"correct": [4, 4], "incorrect": [4]}),
        (0.7, {"correct": [16, 16], "incorrect": [16]}),
        (0.7, {"correct": [3, 3], "incorrect": [3]}),
    ]


def test_every_search_is_run_under_both_fills_and_an_order_tells_what_its_last_pixels_say(network):
    dim = photographs(0.1, 0.2, 0.15)  # of class 0: donors of the bright ones

    pool = gather_donors(network.classifier, dim.images)

    rows = list(searches.measure(network, photographs(1.0, 0.99), pool, replace(QUICK, budgets=(60,))))

    assert [(row["method"], row["fill"]) for row in rows] == [
        (method, fill)
        for method in ("mask_optimization", "batched_gradient", "backselect", "batched_gradient")
        for fill in ("mean", "marginal")
    ]
    assert next(row["fraction"]["value"] for row in rows if row["setting"] == "k = 1") == 4 / 64
    assert [row["same_class"] and row["same_class"]["value"] for row in rows] == [None, None, 1, None, 1, None, 1, None]


def test_exact_sizes_come_from_the_reference_where_it_has_them_and_are_kept_otherwise(network, tmp_path, monkeypatch):
    images, dim = photographs(1.0, 0.99), photographs(0.1, 0.2, 0.15)
    pool, extent = gather_donors(network.classifier, dim.images), replace(QUICK, exact=(("mean", 2), ("marginal", 1)))
    known = {"name": "Any Corner", "passes": 7, "sizes": {images.digests[0]: 2}}
    results.write({"schema_version": 1, "parts": {"exact": known}}, tmp_path / "exact.json")

    first = list(exhaustive.measure(network, images, pool, extent, tmp_path / "exact.json"))
    monkeypatch.setattr(exhaustive, "searched", None)

    assert [(row["fill"], row["sizes"]) for row in first] == [("mean", [2]), ("mean", [2, 4]), ("marginal", [4])]
    assert first[0]["passes"] == 7
    assert list(exhaustive.measure(network, images, pool, extent, tmp_path / "exact.json")) == first


@pytest.mark.long
def test_an_ensemble_of_equals_has_their_sizes_and_their_accuracy(network):
    both = (network, network)
    brightness = [1.0 - place / 1000 for place in range(10)]

    found = mitigation.measure(both, ensemble_of(both, (0.0,)), photographs(*brightness), 10, QUICK)

    assert [row["ratio"]["value"] for row in found["ratios"]] == [pytest.approx(1)] * 3
    assert found["ratios"][2]["temperatures"] == [1, 1]
    assert found["accuracy"]["full"]["difference"]["value"] == 0
    assert [row["rate_difference"]["value"] for row in found["ratios"]] == [0, 0, 0]
    assert [row["verdict"]["verdict"] for row in found["ratios"][:2]] == ["INCONCLUSIVE"] * 2
    assert found["ratios"][1]["verdict"]["matched_eligibility"]["Corner"] == {
        "member": 10,
        "ensemble": 10,
        "scored_by_both": 10,
    }


@pytest.mark.long
def test_enough_images_give_a_verdict_by_the_service_s_rule(network):
    both = (network, network)
    images = photographs(*(1.0 - place / 10_000 for place in range(30)))

    found = mitigation.measure(both, ensemble_of(both, (0.0,)), images, 30, replace(QUICK, pairs=30))

    assert [row["verdict"]["verdict"] for row in found["ratios"][:2]] == ["NOT_MITIGATED"] * 2


def test_fresh_networks_are_equal_for_equal_seeds_and_global_randomness_is_left_alone():
    images, labels = torch.rand(12, 3, 32, 32), np.arange(12) % 3
    before = torch.get_rng_state()

    first, second, other = (
        [epoch.loss for epoch in train(fresh(3, seed), images, labels, epochs=2, seed=seed)] for seed in (0, 0, 1)
    )

    assert first == second != other
    assert torch.equal(torch.get_rng_state(), before)


def test_training_images_are_of_every_class_in_turn(tmp_path):
    labels = np.repeat([0, 1, 2], 4)
    pixels = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), dtype=np.uint8)
    np.savez(tmp_path / "some.npz", images=pixels, labels=labels)

    found = training_images(tmp_path / "some.npz", 6)

    assert found.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert (found.images[:, 0, 0, 0] * 255).round().tolist() == [0, 4, 8, 1, 5, 9]
    with pytest.raises(Absent, match=r"other\.npz"):
        training_images(tmp_path / "other.npz", 6)


def test_without_the_data_the_part_says_so_and_writes_nothing(tmp_path, capsys):
    run.measure(None, tmp_path, quick=True)

    assert "MODICUM_BENCH_DATA" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
