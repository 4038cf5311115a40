"""How much is measured: sample sizes, steps and budgets in one place, so that the page can state them."""

from dataclasses import dataclass

THRESHOLD = 0.99
"""The paper's on CIFAR-10."""
SOFT_THRESHOLD = 0.7
"""For sizes by correctness too: a network that is seldom both sure and wrong has few eligible errors at the paper's."""
PIXELS_PER_STEP = 16
"""Of descents on many images: a sixteenth of the passes of the paper's."""
PAPER_PIXELS_PER_STEP = 1
"""The paper's on CIFAR-10."""
SEED = 0


@dataclass(frozen=True, slots=True)
class Extent:
    """Sample sizes of a run. Images come from each class in turn, so that a smaller sample starts a larger one.

    Attributes:
        test: test images of each network's descents; the ensemble is last.
        test_as_paper: the same for descents that remove one pixel per step.
        chosen: test images of each network on which the strong search chooses 5% of the pixels.
        chosen_passes: its pass-equivalents, there and for the fresh networks.
        compared: the first of them, on which other searches choose too.
        compared_budgets: other pass-equivalents of mask_optimization there.
        exactly: images on which exact backselect chooses.
        by_correctness: limit of correctly predicted images for mask_optimization; it searches all the others.
        pairs: images that are eligible in both networks and their ensemble, searched by mask_optimization.
        training: training images for which masks are made and on which the fresh networks are trained.
        epochs: epochs of each fresh network.
        seeds: seeds of its initialisation and data sequence; each is one network.
        searched: images in the table of all searches.
        budgets: pass-equivalents of mask_optimization in that table.
        fractions: fractions of backselect in that table.
        exact: images of exact backselect in that table, by fill.
        passes: pass-equivalents of mask_optimization elsewhere.
    """

    test: tuple[int, int, int]
    test_as_paper: tuple[int, int, int]
    chosen: int
    chosen_passes: int
    compared: int
    compared_budgets: tuple[int, ...]
    exactly: int
    by_correctness: int
    pairs: int
    training: int
    epochs: int
    seeds: tuple[int, ...]
    searched: int
    budgets: tuple[int, ...]
    fractions: tuple[float, ...]
    exact: tuple[tuple[str, int], ...]
    passes: int = 300


FULL = Extent(
    test=(1000, 1000, 200),
    test_as_paper=(200, 40, 12),
    chosen=1000,
    chosen_passes=100,
    compared=100,
    compared_budgets=(300,),
    exactly=10,
    by_correctness=60,
    pairs=100,
    training=2000,
    epochs=15,
    seeds=(0, 1),
    searched=10,
    budgets=(150, 600),
    fractions=(0.5, 0.2),
    exact=(("mean", 8), ("marginal", 1)),
)
"""About an hour with one torch thread on a machine of two cores that others used too, most of it descents."""
QUICK = Extent(
    test=(60, 40, 40),
    test_as_paper=(10, 10, 10),
    chosen=40,
    chosen_passes=50,
    compared=20,
    compared_budgets=(100,),
    exactly=0,
    by_correctness=10,
    pairs=12,
    training=100,
    epochs=4,
    seeds=(0,),
    searched=10,
    budgets=(50, 150),
    fractions=(0.5,),
    exact=(),
)
