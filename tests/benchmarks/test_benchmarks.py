"""The benchmarks' own arithmetic: pairs, budgets, references and the page. Nothing here takes a time."""

from pathlib import Path

import pytest
import torch
from modicum.sources.inputs import InputSpecification
from modicum_sis import Classifier, Passes
from PIL import Image

from benchmarks import results
from benchmarks.contenders import Searched, batched_gradient_for
from benchmarks.exact import measure as measure_exactly
from benchmarks.intervals import mean, paired_ratio
from benchmarks.page import PAGE, page_text, write_page
from benchmarks.peers import Attributed, integrated_gradients, saliency
from benchmarks.planted.run import kept_rows
from benchmarks.recipe import Recipe
from benchmarks.search import Changed, Trial, measured, ratios, with_rows
from benchmarks.subjects import Absent, Source, Subject, cifar_resnet, picture

SIDE = 8
TAKEN = {
    "date": "2026-01-01",
    "quick": True,
    "processor": "a processor",
    "cores": 2,
    "torch_threads": 2,
    "memory_gib": 4,
    "device": "cpu",
    "load_before": 0.5,
    "versions": {"torch": "2"},
}


class Corner(torch.nn.Module):
    """Class 1 by as many log-odds as the four pixels at the top left sum to, minus 5; class 0 else."""

    def forward(self, images):
        weights = torch.zeros(SIDE, SIDE)
        weights[:2, :2] = 1.0
        score = 2 * (images.sum(dim=1) * weights).sum(dim=(1, 2)) - 5
        return torch.stack([torch.zeros_like(score), score], dim=1)


@pytest.fixture
def subject():
    """Three images whose every pixel is white: all four weighted pixels are needed for 0.94, three do not suffice."""
    source = Source(
        name="CIFAR-10 in name only",
        pictures="white squares",
        architecture="",
        weights=Path(),
        input=InputSpecification(height=SIDE, width=SIDE, mean=(0.0,), std=(1.0,), channels=1),
        threshold=0.94,
        photographs=(),
    )
    images = torch.stack([torch.full((1, SIDE, SIDE), value) for value in (1.0, 0.99, 0.98)])
    return Subject(source, Classifier(Corner(), fill_mean=0.0), images, (Path(),) * 3, 3)


def test_a_paired_ratio_is_the_geometric_mean_over_images():
    ratio = paired_ratio([2, 8], [1, 1])

    assert ratio.value == pytest.approx(4)
    assert (ratio.least, ratio.greatest, ratio.n) == (pytest.approx(2), pytest.approx(8), 2)


def test_below_ten_images_there_is_no_interval():
    assert mean(range(9)).low is None
    assert mean(range(10)).low is not None


def test_an_interval_holds_its_value_and_is_the_same_every_time():
    first, second = mean(range(30)), mean(range(30))

    assert first.low < first.value < first.high
    assert first == second


def test_values_of_different_images_are_no_pairs():
    with pytest.raises(ValueError, match="same images"):
        paired_ratio([1, 2], [1])


@pytest.mark.parametrize(("budget", "pixels_per_step"), [(150, 21), (600, 5), (1700, 2), (3075, 1)])
def test_batched_gradient_is_made_for_the_passes_nearest_to_the_budget(budget, pixels_per_step):
    assert batched_gradient_for(budget, 1024).pixels_per_step == pixels_per_step


@pytest.mark.parametrize("budget", [200, 600])
def test_the_recipe_finds_the_pixels_that_count_within_its_budget(subject, budget):
    outcomes = Searched("recipe", "", Recipe(passes=budget), budget).outcomes(subject)

    assert [outcome.size for outcome in outcomes] == [4, 4, 4]
    assert all(outcome.passes <= budget for outcome in outcomes)


@pytest.mark.parametrize("attribute", [saliency, integrated_gradients])
def test_a_map_that_is_right_needs_no_more_pixels_than_count(subject, attribute):
    outcomes = Attributed("peer", "", attribute, Passes(1, 1)).outcomes(subject)

    assert [outcome.size for outcome in outcomes] == [4, 4, 4]


def test_a_map_s_own_passes_are_counted(subject):
    cheap, dear = (Attributed("peer", "", saliency, passes).outcomes(subject) for passes in (Passes(), Passes(5, 5)))

    assert [after.passes - before.passes for before, after in zip(cheap, dear, strict=True)] == [15, 15, 15]


def test_a_search_without_a_budget_is_compared_with_the_largest_that_spent_no_more():
    ours = [
        {"method": "mask_optimization", "setting": "", "budget": cost, "passes_mean": cost, "sizes": [size]}
        for cost, size in ((50, 10), (150, 5), (600, 2))
    ]
    rivals = [
        {"method": "backselect", "setting": "", "budget": None, "passes_mean": cost, "sizes": [10]}
        for cost in (20, 300)
    ]

    found = ratios([*ours, *rivals])

    assert [(row["ours_passes"], row["ratio"]["value"]) for row in found] == [
        (50, pytest.approx(1)),
        (150, pytest.approx(2)),
    ]


def test_what_is_absent_is_named_and_fails_nothing(tmp_path):
    with pytest.raises(Absent, match="MODICUM_BENCH_DATA"):
        cifar_resnet(20, None)
    with pytest.raises(Absent, match=r"cifar_resnet32\.safetensors"):
        cifar_resnet(32, tmp_path)


def test_a_photograph_is_decoded_as_the_service_does(tmp_path):
    Image.new("RGB", (16, 12), (255, 0, 51)).save(tmp_path / "one.png")
    specification = InputSpecification(height=8, width=8, mean=(0.0,) * 3, std=(1.0,) * 3)

    image = picture(tmp_path / "one.png", specification)

    assert image.shape == (3, 8, 8)
    assert image[:, 0, 0].tolist() == pytest.approx([1.0, 0.0, 0.2])


def test_results_are_read_as_they_were_written_and_a_part_leaves_the_others(tmp_path):
    path = tmp_path / "results" / "benchmarks.json"
    first = results.with_part(results.read(path), "memory", {"sizes": [1, -2, 3.5], "rows": [{"n": 1}, {"n": 2}]})

    results.write(first, path)
    second = results.with_part(results.read(path), "search", {"rows": []})

    assert results.read(path) == first
    assert second["parts"] == {**first["parts"], "search": {"rows": []}}


def test_results_of_another_schema_are_refused(tmp_path):
    (tmp_path / "old.json").write_text('{"schema_version": 0}')

    with pytest.raises(ValueError, match="schema"):
        results.read(tmp_path / "old.json")


def test_a_measured_subject_becomes_a_page_with_its_picture_and_the_exact_reference(subject, tmp_path):
    trial = Trial(lambda: subject.source, 3, (60,), (60,), (60,), (60,), (0.5,), paper_step=1)
    measure_exactly(subject, tmp_path / "exact.json")
    search = {"taken": TAKEN, "subjects": [measured(subject, trial)], "absent": ["something else"]}
    found = results.with_part(results.read(tmp_path / "none.json"), "search", search)

    write_page(found, results.read(tmp_path / "exact.json"), tmp_path)

    page = (tmp_path / PAGE).read_text()
    assert "n = 3" in page
    assert "Not measured: something else." in page
    assert "| 59 | 1/35 | 3 | **1.00** (1.00 to 1.00) |" in page
    assert (tmp_path / "docs" / "images" / "benchmarks-search.png").stat().st_size > 0


def test_a_page_without_figures_says_how_to_get_them():
    page = page_text({"schema_version": 1, "parts": {}}, {"parts": {}})

    assert [part for part in ("search", "service", "memory", "load") if f"make bench PART={part}" not in page] == []


@pytest.mark.long
def test_the_committed_page_is_that_of_the_committed_figures():
    figures = results.read(results.ROOT / results.RESULTS)

    page = page_text(figures, results.read(results.EXACT), kept_rows(results.ROOT))

    assert (results.ROOT / PAGE).read_text() == page


def stored_subject() -> dict:
    rows = [
        {"method": method, "setting": "600 passes", "budget": 600, "sizes": sizes, "passes_mean": 600.0}
        for method, sizes in (("mask_optimization", [10, 20]), ("gradient-free", [20, 40]))
    ]
    return {"name": "a network", "digests": ["a", "b"], "rows": rows, "ratios": []}


def test_one_method_is_measured_anew_and_the_other_rows_stay():
    stored = stored_subject()
    fresh = {**stored["rows"][1], "sizes": [15, 30]}

    found = with_rows(stored, [stored["rows"][0], fresh], ["a", "b"])

    assert [row["sizes"] for row in found["rows"]] == [[10, 20], [15, 30]]
    assert found["ratios"][0]["ratio"]["value"] == pytest.approx(1.5)


@pytest.mark.parametrize(("sizes", "digests"), [([10, 21], ["a", "b"]), ([10, 20], ["a", "c"])])
def test_figures_of_other_images_or_another_search_are_not_mixed(sizes, digests):
    stored = stored_subject()

    with pytest.raises(Changed, match="a network"):
        with_rows(stored, [{**stored["rows"][0], "sizes": sizes}], digests)
