"""The small parts that searches use, and the package itself."""

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import modicum_sis
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from modicum_sis import Passes, generator, image_digest
from modicum_sis.numerics.ranking import choose_largest
from modicum_sis.scoring.score_requests import Scores
from modicum_sis.searches.mask_optimization_stages.shrinking import CHEAPEST, LEAST_RESIZED, SIZES_TRIED, Shrinker

PACKAGE = Path(modicum_sis.__file__).parent


@given(values=st.lists(st.integers(-3, 3), min_size=1, max_size=12), data=st.data())
def test_the_largest_are_chosen_and_ties_go_to_the_lowest_index(values, data):
    count = data.draw(st.integers(0, len(values)))
    row = torch.tensor([values], dtype=torch.float32)

    chosen = choose_largest(row, [count])

    expected = torch.argsort(row[0], descending=True, stable=True)[:count]
    assert chosen[0].nonzero().flatten().tolist() == sorted(expected.tolist())


def test_random_numbers_depend_on_seed_digest_and_purpose_alone():
    def draw(*key):
        return torch.rand(1, generator=generator(*key)).item()

    assert draw(0, "a", "noise") == draw(0, "a", "noise")
    assert len({draw(*key) for key in [(0, "a", "n"), (1, "a", "n"), (0, "b", "n"), (0, "a", "m")]}) == 4


def test_an_images_digest_depends_on_its_values_and_not_on_their_memory_layout():
    image = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0))

    assert image_digest(image) == image_digest(image.transpose(0, 2).contiguous().transpose(0, 2))
    assert image_digest(image) == image_digest(image.double())
    assert image_digest(image) != image_digest(image + 1)


def test_a_backward_pass_counts_two():
    assert (Passes(3, 2) + Passes(1, 1)).equivalents == 4 + 2 * 3


def run_shrinker(shrinker, weights):
    procedure, cost = shrinker.shrink(), 0
    try:
        request = next(procedure)
        while True:
            cost += request.cost
            margins = request.part(0, request.count).double() @ weights
            request = procedure.send(Scores(margins, weights.expand(len(margins), -1)))
    except StopIteration:
        return cost


@pytest.mark.parametrize("passes", [0, 1, 5, 40, 400])
def test_shrinking_stays_within_its_passes_and_ends_sufficient(passes):
    weights = torch.randint(-4, 9, (50,), generator=torch.Generator().manual_seed(1)).double() / 8
    shrinker = Shrinker(torch.ones(50, dtype=torch.bool), float(weights.sum()), threshold=0.95, passes=passes)

    cost = run_shrinker(shrinker, weights)

    assert cost <= passes
    assert shrinker.best.margin == pytest.approx(float(weights[shrinker.best.mask].sum()))
    assert shrinker.best.margin >= modicum_sis.log_odds(0.95)
    assert (shrinker.best.size < 50) == (passes >= 5)  # a gradient and one removal


def test_shrinking_reaches_the_minimum_of_a_linear_score():
    weights = torch.arange(20).double() / 8
    shrinker = Shrinker(torch.ones(20, dtype=torch.bool), float(weights.sum()), threshold=0.99, passes=300)

    run_shrinker(shrinker, weights)

    assert shrinker.best.mask.nonzero().flatten().tolist() == [18, 19]


def test_a_trade_replaces_pixels_that_removal_alone_cannot():
    weights = torch.tensor([2.5, 2.5, 0.5, 5.0], dtype=torch.float64)
    start = torch.tensor([True, True, False, False])
    shrinker = Shrinker(start, 5.0, threshold=0.99, passes=60)

    run_shrinker(shrinker, weights)

    assert shrinker.best.mask.tolist() == [False, False, False, True]


def requests_of(shrinker, weights):
    procedure, requests = shrinker.shrink(), []
    try:
        request = next(procedure)
        while True:
            requests.append(request)
            request = procedure.send(Scores(request.part(0, request.count).double() @ weights, weights.expand(1, -1)))
    except StopIteration:
        return requests


def test_a_second_round_of_removal_tries_only_the_cheapest_again():
    weights = torch.full((12,), 0.42, dtype=torch.float64)  # one more than 0.99 needs
    shrinker = Shrinker(torch.ones(12, dtype=torch.bool), float(weights.sum()), threshold=0.99, passes=60)

    first, second, *_ = requests_of(shrinker, weights)

    assert (first.count, second.count) == (12, CHEAPEST)


def test_removal_continues_with_new_candidates_after_the_known_ones():
    weights = torch.full((100,), 0.1, dtype=torch.float64)
    weights[40] = 6.0
    shrinker = Shrinker(torch.ones(100, dtype=torch.bool), float(weights.sum()), threshold=0.99, passes=400)

    run_shrinker(shrinker, weights)

    assert shrinker.best.mask.nonzero().flatten().tolist() == [40]
    assert shrinker.best.start.all()  # without a trade in between


def test_shrinking_begins_with_sizes_along_the_last_ranking_of_the_ascent():
    weights = torch.full((100,), 0.01, dtype=torch.float64)
    weights[:10] = 1.0
    start = torch.arange(100) >= 5  # half of the best pixels are missing from the ascent's best mask
    scores = -torch.arange(100.0)
    shrinker = Shrinker(start, 5.9, threshold=0.99, passes=SIZES_TRIED, pixel_values=scores)

    sizes = [int(request.part(0, request.count).sum()) for request in requests_of(shrinker, weights)]

    assert sizes == sorted(sizes, reverse=True)
    assert LEAST_RESIZED * 95 <= sizes[-1] == shrinker.best.size < 70
    assert shrinker.best.mask[: sizes[-1]].all()


def test_sizes_along_the_last_ranking_rise_again_if_they_do_not_suffice():
    weights = torch.full((100,), 0.05, dtype=torch.float64)
    shrinker = Shrinker(
        torch.ones(100, dtype=torch.bool), 5.0, threshold=0.99, passes=SIZES_TRIED, pixel_values=torch.arange(100.0)
    )

    sizes = [int(request.part(0, request.count).sum()) for request in requests_of(shrinker, weights)]

    assert sizes == [84, 92, 88, 90]
    assert shrinker.best.size == 92


ALLOWED = {
    "chunk_size": {"time"},
    "speedup_choice": {"time"},
    "limit": {"time"},
    "findings_file": {"os", "io", "pathlib"},
    "plots": {"io"},
}
FORBIDDEN = {"socket", "time", "datetime", "os", "io", "random", "pathlib", "grpc", "google", "requests", "threading"}


@pytest.mark.parametrize("module", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_library_imports_torch_and_pure_computation_only(module):
    tree = ast.parse(module.read_text())

    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert not {name.split(".")[0] for name in names} & (FORBIDDEN - ALLOWED.get(module.stem, set()))
    allowed = {"torch", "numpy", "modicum_sis", *sys.stdlib_module_names}
    assert {name.split(".")[0] for name in names} <= allowed


def test_the_version_recorded_in_results_is_that_of_the_distribution():
    assert version("modicum-sis") == modicum_sis.__version__


def test_everything_public_is_documented():
    for name in modicum_sis.__all__:
        value = getattr(modicum_sis, name)
        if callable(value):
            assert value.__doc__, name


def test_the_library_imports_no_server():
    code = "import sys, modicum_sis; print(any(m.startswith('modicum_server') or m == 'grpc' for m in sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
