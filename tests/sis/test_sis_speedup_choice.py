"""The choice of an arithmetic, with a clock that each pass moves by an exact step."""

import pytest
import torch
from modicum_sis import Classifier, MaskOptimization, ParameterError, Speedups, chosen_speedups
from modicum_sis.acceleration import precision
from modicum_sis.run.speedup_choice import BLOCK, EXACT, LEAST_IMAGES, REDUCED, size_agreement

from tests.sis.sis_models import TinyNetwork, random_images

SEARCH = MaskOptimization(passes=30)
INSTRUCTIONS = {"architecture": "x86_64", "avx512_bf16": True}


class Clock:
    """Seconds that passes add. Copies of a module share it."""

    def __init__(self):
        self.seconds, self.images = 0.0, 0

    def __deepcopy__(self, memo):
        return self


class Timed(TinyNetwork):
    """Each image costs 1 second in float32 and `reduced` seconds in bfloat16. Its classes are sure of any image."""

    def __init__(self, clock, *, reduced):
        super().__init__()
        self.clock, self.reduced = clock, reduced

    def forward(self, images):
        self.clock.seconds += len(images) * (self.reduced if images.dtype == torch.bfloat16 else 1.0)
        self.clock.images += len(images)
        return super().forward(images)


@pytest.fixture(autouse=True)
def instructions(monkeypatch):
    """A processor with instructions for bfloat16, wherever the tests run."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: INSTRUCTIONS, raising=False)


def choice(*, reduced, count=2 * LEAST_IMAGES, clock=None, **options):
    clock = clock or Clock()
    module = Timed(clock, reduced=reduced)
    return chosen_speedups(
        lambda speedups: Classifier(module, (0, 1), 0.5, 0.25, accelerate=speedups),
        random_images(count),
        threshold=0.5,
        search=SEARCH,
        now=lambda: clock.seconds,
        **options,
    )


def test_a_fast_candidate_with_equal_sizes_is_chosen():
    chosen = choice(reduced=0.25)

    assert chosen.speedups == REDUCED
    assert chosen.reason == ""
    assert chosen.seconds.low <= chosen.seconds.value <= chosen.seconds.high < 0.8
    assert LEAST_IMAGES <= chosen.agreement.images < LEAST_IMAGES + BLOCK


def test_a_candidate_that_saves_too_little_is_given_up_after_a_block():
    clock, whole = Clock(), Clock()

    chosen = choice(reduced=0.95, clock=clock)
    choice(reduced=0.25, clock=whole)

    assert chosen.speedups == EXACT
    assert "of the exact seconds" in chosen.reason
    assert chosen.agreement.images <= BLOCK
    assert clock.images < whole.images / 5


def test_nothing_is_searched_where_images_are_too_few():
    chosen = choice(reduced=0.25, count=LEAST_IMAGES - 1)

    assert (chosen.speedups, chosen.seconds) == (EXACT, None)
    assert f"at least {LEAST_IMAGES} are needed" in chosen.reason


def test_double_precision_stays_exact_without_a_search():
    images = random_images(LEAST_IMAGES).double()

    chosen = chosen_speedups(
        lambda speedups: Classifier(TinyNetwork().double(), (0, 1), 0.5, 0.25, accelerate=speedups),
        images,
        threshold=0.6,
        search=SEARCH,
        now=lambda: pytest.fail("the clock was read"),
    )

    assert (chosen.speedups, chosen.seconds) == (EXACT, None)
    assert "double precision" in chosen.reason


def test_a_processor_without_bfloat16_stays_exact_without_a_search(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {**INSTRUCTIONS, "avx512_bf16": False}, raising=False)

    chosen = choice(reduced=0.25)

    assert (chosen.speedups, chosen.seconds) == (EXACT, None)
    assert "no instructions" in chosen.reason


@pytest.mark.parametrize("known", [None, lambda: {"architecture": "aarch64"}])
def test_a_processor_that_torch_does_not_describe_is_measured(monkeypatch, known):
    monkeypatch.setattr(torch.cpu, "get_capabilities", known, raising=False)

    assert not precision.lacks_bfloat16(torch.device("cpu"))


def test_a_candidate_that_asks_for_nothing_is_refused():
    with pytest.raises(ParameterError, match="that speeds up"):
        choice(reduced=0.25, candidate=Speedups())


@pytest.mark.parametrize(("factor", "agrees"), [(1.0, True), (1.04, True), (1.06, False), (0.96, True), (0.94, False)])
def test_sizes_agree_within_five_per_cent(factor, agrees):
    exact = [1000] * LEAST_IMAGES

    agreement = size_agreement(exact, [round(size * factor) for size in exact])

    assert (agreement.disagreement == "") is agrees
    assert agreement.mean == pytest.approx(factor)


def test_sizes_whose_interval_is_wide_do_not_agree():
    exact = [1000] * LEAST_IMAGES

    agreement = size_agreement(exact, [300, 3333] * (LEAST_IMAGES // 2))

    assert agreement.mean == pytest.approx(1, abs=0.01)
    assert "differ" in agreement.disagreement


def test_images_without_a_size_are_left_out():
    assert size_agreement([0, 5, 5], [5, 0, 5]).images == 1
    assert size_agreement([], []).images == 0


def test_the_candidate_is_bfloat16_alone():
    assert Speedups(precision="bfloat16") == REDUCED
