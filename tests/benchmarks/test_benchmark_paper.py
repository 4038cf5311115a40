"""The paper's table: what is chosen, what is kept, and how a comparison with the paper is decided."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from modicum_sis import Classifier

from benchmarks import results
from benchmarks.paper import descent, mitigation, run, searches, sizes
from benchmarks.paper.accuracy import measure as measure_accuracy
from benchmarks.paper.descent import descended, kept_pixels, random_masks
from benchmarks.paper.directions import Outcome, above, at_most, below, directions
from benchmarks.paper.extent import QUICK
from benchmarks.paper.material import Network, Photographs, ensemble_of, training_images
from benchmarks.paper.page import PAGE, page_text, write_page
from benchmarks.paper.sufficiency import KINDS
from benchmarks.paper.training import fresh, train
from benchmarks.subjects import Absent

SIDE = 8
CORNER = np.zeros((SIDE, SIDE), dtype=bool)
CORNER[:2, :2] = True


class Corner(torch.nn.Module):
    """Class 1 by four times the brightness of the four pixels at the top left, minus 10; class 0 else."""

    def forward(self, images):
        weights = torch.zeros(SIDE, SIDE)
        weights[:2, :2] = 4.0
        score = (images.mean(dim=1) * weights).sum(dim=(1, 2)) - 10
        return torch.stack([torch.zeros_like(score), score], dim=1)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv(descent.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def network():
    return Network("Corner", Classifier(Corner(), fill_mean=0.0), "weights")


def photographs(*brightness, labels=None):
    images = torch.stack([torch.full((1, SIDE, SIDE), value) for value in brightness])
    return Photographs(images, np.array([1] * len(brightness) if labels is None else labels, dtype=np.int64))


def interval(low, high):
    return {"value": 0.0, "n": 40, "interval": {"low": low, "high": high}}


def test_a_descent_leaves_the_pixels_that_count_though_it_removes_many_at_a_step(network):
    found = descended(network, photographs(1.0, 0.99))

    assert kept_pixels(SIDE, SIDE) == 4
    assert np.array_equal(found.masks, np.stack([CORNER] * 2))
    assert found.predicted.tolist() == [1, 1]
    assert found.size.tolist() == [16, 16]  # the last step that is sufficient


def test_an_image_below_the_threshold_is_descended_and_has_no_size(network):
    found = descended(network, photographs(0.7))

    assert found.masks[0].sum() == 4
    assert np.isnan(found.size[0])
    assert not found.subsets.any()


def test_a_descent_is_kept_and_found_again(network, monkeypatch):
    first = descended(network, photographs(1.0, 0.7))
    monkeypatch.setattr(descent, "find_subsets", None)

    again = descended(network, photographs(1.0, 0.7))

    assert all(
        np.array_equal(getattr(first, name), getattr(again, name), equal_nan=name == "size")
        for name in descent.Descent.__slots__
    )
    with pytest.raises(TypeError):  # it is other weights that would be descended now
        descended(Network("Corner", network.classifier, "others"), photographs(1.0, 0.7))


def test_images_in_blocks_are_those_without(network, monkeypatch):
    whole = descended(network, photographs(1.0, 0.7, 0.99))
    monkeypatch.setattr(descent, "BLOCK", 2)

    blocks = descended(network, photographs(1.0, 0.7, 0.99))

    assert np.array_equal(whole.masks, blocks.masks)
    assert whole.curve.shape == blocks.curve.shape


def test_random_pixels_are_as_many_and_an_image_s_own():
    alone, among = random_masks(photographs(0.5)), random_masks(photographs(0.1, 0.5))

    assert among.sum(axis=(1, 2)).tolist() == [4, 4]
    assert np.array_equal(alone[0], among[1])
    assert not np.array_equal(among[0], among[1])


def test_accuracy_on_what_a_descent_left_is_that_on_full_images_and_random_pixels_lose_it(network):
    brightness = [1.0 - place / 1000 for place in range(12)]

    found = measure_accuracy(network, photographs(*brightness, labels=[1] * 9 + [0] * 3))

    assert [found[kind]["value"] for kind in ("full", "subsets", "random")] == [0.75, 0.75, 0.25]
    assert found["subsets_less_full"]["value"] == 0
    assert found["curve"]["kept"] == [64, 48, 32, 16, 0]
    assert found["curve"]["mean"][-1] == pytest.approx(0, abs=1e-3)


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

    rows = list(searches.measure(network, photographs(1.0, 0.99), dim, replace(QUICK, budgets=(60,))))

    assert [(row["method"], row["fill"]) for row in rows] == [
        (method, fill)
        for method in ("mask_optimization", "batched_gradient", "backselect", "batched_gradient")
        for fill in ("mean", "marginal")
    ]
    assert next(row["fraction"]["value"] for row in rows if row["setting"].startswith("k = 1,")) == 4 / 64
    assert [row["same_class"] and row["same_class"]["value"] for row in rows] == [None, None, 1, None, 1, None, 1, None]


def test_an_ensemble_of_equals_has_their_sizes_and_their_accuracy(network):
    both = (network, network)
    brightness = [1.0 - place / 1000 for place in range(10)]

    found = mitigation.measure(both, ensemble_of(both, (0.0,)), photographs(*brightness), QUICK, (10, 10, 10))

    assert [row["ratio"]["value"] for row in found["ratios"]] == [pytest.approx(1)] * 3
    assert found["ratios"][2]["temperatures"] == [1, 1]
    assert found["accuracy"]["full"]["difference"]["value"] == 0


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


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.1, 0.3, Outcome.SAME),
        (-0.3, -0.1, Outcome.DIFFERENT),
        (-0.1, 0.1, Outcome.OPEN),
        (None, -0.1, Outcome.DIFFERENT),
        (None, None, Outcome.OPEN),
    ],
)
def test_what_lies_above_a_limit_is_decided_by_the_whole_interval(low, high, outcome):
    assert above(interval(low, high), 0) is outcome


def test_what_is_small_is_decided_by_the_whole_interval():
    assert [at_most(interval(*ends), 0.05) for ends in ((0.01, 0.05), (0.06, 0.1), (0.01, 0.1), (0.01, None))] == [
        Outcome.SAME,
        Outcome.DIFFERENT,
        Outcome.OPEN,
        Outcome.OPEN,
    ]


def test_of_two_groups_one_is_smaller_where_their_intervals_are_apart():
    few = {"value": 0.1, "n": 3, "interval": None}

    assert below(interval(0.1, 0.2), interval(0.3, 0.4)) is Outcome.SAME
    assert below(interval(0.3, 0.4), interval(0.1, 0.2)) is Outcome.DIFFERENT
    assert below(interval(0.1, 0.3), interval(0.2, 0.4)) is Outcome.OPEN
    assert below(few, interval(0.2, 0.4)) is Outcome.OPEN


def test_the_page_says_in_plain_words_where_ours_differs(network, tmp_path):
    brightness = [1.0 - place / 1000 for place in range(12)]
    row = measure_accuracy(network, photographs(*brightness))
    lost = {**row, "subsets_less_full": {**row["subsets_less_full"], **interval(-0.4, -0.2)}}
    taken = {"quick": False, "date": "2026-01-01", "processor": "p", "cores": 2, "device": "cpu", "load_before": 0.5}
    part = {"taken": {**taken, "torch_threads": 1, "versions": {"torch": "2"}}, "seconds": 1.0, "figures": [row, lost]}

    write_page({"parts": {"accuracy": part}}, tmp_path)

    page = (tmp_path / PAGE).read_text()
    assert [each.outcome for each in directions({"accuracy": part})][::2] == [Outcome.SAME, Outcome.DIFFERENT]
    assert "- **Ours differs**, Corner: on the 5% of the pixels that the descent leaves" in page
    assert (tmp_path / "docs" / "images" / "paper-curves.png").stat().st_size > 0
    assert "Not measured yet: `make bench PART=paper`." in page


def test_without_the_data_the_part_says_so_and_writes_nothing(tmp_path, capsys):
    run.measure(None, tmp_path, quick=True)

    assert "MODICUM_BENCH_DATA" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_the_committed_page_is_that_of_the_committed_figures():
    figures = results.read(results.ROOT / run.RESULTS)

    assert figures["parts"]
    assert (results.ROOT / PAGE).read_text() == page_text(figures)
    assert [kind for kind in KINDS if kind not in page_text(figures)] == []
