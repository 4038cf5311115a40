"""How much is measured: sample sizes, steps and budgets, in one place, so that the page can state them."""

from dataclasses import dataclass

KEPT_SHARE = 0.05
"""Of the pixels: the paper's pixel subsets."""
THRESHOLD = 0.99
"""The paper's on CIFAR-10."""
SOFT_THRESHOLD = 0.7
"""For sizes by correctness too: a network that is seldom both sure and wrong has few eligible errors at the paper's."""
PIXELS_PER_STEP = 16
"""Of batched_gradient's descents: a sixteenth of the paper's passes, where it removes one pixel a step."""
SEED = 0


@dataclass(frozen=True, slots=True)
class Extent:
    """Sample sizes of a run.

    Attributes:
        test: test images of each network's descent, class after class in turn; the ensemble's the last.
        by_correctness: most images of each kind that are searched again by mask_optimization.
        pairs: images eligible in both networks and their ensemble that are searched by mask_optimization.
        training: training images whose masks are made, and on which the fresh networks are trained.
        epochs: of each fresh network.
        seeds: of its initialisation and order; each is one network.
        searched: images of the table of all searches.
        budgets: pass-equivalents of mask_optimization in it.
        fractions: of backselect in it.
        passes: of mask_optimization elsewhere.
    """

    test: tuple[int, int, int]
    by_correctness: int
    pairs: int
    training: int
    epochs: int
    seeds: tuple[int, ...]
    searched: int
    budgets: tuple[int, ...]
    fractions: tuple[float, ...]
    passes: int = 300


FULL = Extent(
    test=(400, 200, 100),
    by_correctness=30,
    pairs=24,
    training=300,
    epochs=25,
    seeds=(0,),
    searched=10,
    budgets=(150, 600),
    fractions=(0.5, 0.2),
)
"""About eight minutes of one core, one of them the masks of the training images."""
QUICK = Extent(
    test=(60, 40, 40),
    by_correctness=10,
    pairs=12,
    training=100,
    epochs=4,
    seeds=(0,),
    searched=10,
    budgets=(50, 150),
    fractions=(0.5,),
)
"""About two minutes."""
