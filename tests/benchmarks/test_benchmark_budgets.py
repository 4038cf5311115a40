"""Which budgets the page says are met: rows of the table of budgets, from figures that can be checked by hand."""

import pytest

from benchmarks.search import Trial, lineup, trials
from benchmarks.tables import budgets, memory

EXACT = {"name": "CIFAR-10 ResNet-20", "passes": 524_800, "sizes": {"a": 20, "b": 40}}


def row(method, setting, passes, sizes):
    return {"method": method, "setting": setting, "passes_mean": passes, "sizes": sizes}


def subject(name, *rows, digests=("a", "b", "c")):
    return {"name": name, "digests": list(digests), "rows": list(rows), "ratios": []}


def lines(parts, reference=None):
    return [line for line in budgets(parts, reference) if line.startswith("|")][2:]


def searched(*subjects):
    return {"search": {"subjects": list(subjects)}}


def test_exact_backselect_is_compared_on_its_images_at_a_hundredth_and_a_thousandth_of_its_passes():
    found = lines(
        searched(
            subject(
                "CIFAR-10 ResNet-20",
                row("mask_optimization", "525 passes", 524, [18, 36, 1000]),
                row("mask_optimization", "2,000 passes", 1_999, [10, 20, 1000]),
                row("mask_optimization", "6,000 passes", 5_999, [1, 1, 1]),
            )
        ),
        EXACT,
    )

    assert [line.split(" | ")[1:] for line in found] == [
        ["at most 1", "**0.50** (0.50 to 0.50), n = 2", "met |"],
        ["aim: at most 0.75", "**0.90** (0.90 to 0.90), n = 2", "not met |"],
    ]
    assert "ours at 1,999 passes over exact backselect at 524,800" in found[0]
    assert "ours at 524 passes" in found[1]


@pytest.mark.parametrize("reference", [None, {**EXACT, "name": "another"}, {**EXACT, "sizes": {"z": 3}}])
def test_without_a_reference_on_the_same_images_there_is_no_row_of_exact_backselect(reference):
    ours = row("mask_optimization", "525 passes", 524, [18, 36, 1000])

    assert lines(searched(subject("CIFAR-10 ResNet-20", ours)), reference) == []


def test_batched_gradient_as_the_paper_runs_it_is_compared_with_ours_at_half_its_passes():
    (found,) = lines(
        searched(
            subject(
                "EfficientNet-Lite0",
                row("mask_optimization", "600 passes", 599, [10, 10]),
                row("mask_optimization", "750 passes", 749, [4, 6]),
                row("mask_optimization", "800 passes", 800, [1, 1]),
                row("batched_gradient", "k = 253", 600, [1, 1]),
                row("batched_gradient", "k = 100, as the paper", 1_508, [100, 120]),
            )
        )
    )

    assert "(k = 100, as the paper) over ours at 749 of its 1,508 passes, EfficientNet-Lite0" in found
    assert found.endswith("| aim: at least 20 | **22.36** (20.00 to 25.00) | met |")


def memory_part():
    peaks = [{"API": 100.0, "model process": 300.0}, {"API": 110.0, "model process": 450.0}]
    runs = [
        {"images": count, "searched": count, "peak_mib": peak}
        for count, peak in zip((100, 1_000, 10_000), (*peaks, {"API": 120.0, "model process": 459.0}), strict=True)
    ]
    return {
        "side": 16,
        "model": "a model",
        "chunk": 784,
        "runs": runs,
        "growth": {"API": 1.2, "model process": 1.53},
        "settled_growth": {"API": 1.09, "model process": 1.02},
    }


def test_a_process_that_works_on_many_images_at_once_is_judged_once_they_are_many():
    found = lines({"memory": memory_part()})

    assert found == [
        "| memory of the API, 10,000 over 100 images | flat (at most 1.25) | 1.20 | met |",
        "| memory of the model process, 10,000 over 1,000 images | flat (at most 1.25) | 1.02 | met |",
    ]


def test_the_growth_that_counts_stands_in_bold():
    found = [line for line in memory(memory_part()) if line.startswith("|")]

    assert found[2:] == [
        "| API | 100 MiB | 110 MiB | 120 MiB | **1.20** | 1.09 |",
        "| model process | 300 MiB | 450 MiB | 459 MiB | 1.53 | **1.02** |",
    ]


@pytest.mark.parametrize("quick", [False, True])
def test_every_trial_has_the_budgets_that_its_comparisons_need(quick):
    planned = trials(None, quick=quick)

    assert all(set(trial.gradient) | set(trial.recipe) <= set(trial.budgets) for trial in planned)
    assert 525 in planned[0].budgets
    assert [trial.paper_step for trial in planned if 750 in trial.budgets] == [100]
    assert all(trial.budgets == tuple(sorted(set(trial.budgets))) for trial in planned)


def test_the_full_run_covers_each_classifier_that_there_is_and_passes_from_50_to_2_000():
    planned = trials(None, quick=False)

    assert len(planned) == 5
    assert {(min(trial.budgets), max(trial.budgets)) for trial in planned[:3]} == {(50, 2_000)}


class Pixels:
    pixels = 1_024


def test_a_contender_runs_at_the_budgets_that_its_trial_names():
    trial = Trial(lambda: None, 1, (150, 600), gradient=(600,), recipe=(150,), fractions=(0.5,), paper_step=1)

    named = [(each.method, each.budget) for each in lineup(Pixels(), trial)]

    assert named[:6] == [
        ("mask_optimization", 150),
        ("priced recipe", 150),
        ("mask_optimization", 600),
        ("batched_gradient", 600),
        ("batched_gradient", None),
        ("backselect", None),
    ]
