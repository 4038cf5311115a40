"""The pixel-subsets control (docs/method.md, "Pixel subsets"): what is recognised in the best 5% of the pixels?

It runs on every image that could be scored, eligible or not. Accuracies are over the labelled ones among them, always
the same images: on the chosen pixels, on as many random ones, and on the whole image. Images without a result are
counted: they failed, were not drawn for a plan of fewer images, or have a confidence that is NaN.

Rule of the reading, on the share of images that keep their predicted class. ANY_PIXELS: the lower end of the share on
random pixels is above 0.5. FEW_PIXELS: otherwise, that of the share on the chosen pixels is above 0.5, and that
of the paired difference is above 0. MORE_PIXELS: the upper end of the share is below 0.5. Otherwise, or below n = 10,
INCONCLUSIVE.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modicum_server.domain.pixel_subsets import KEPT_SHARE, kept_pixels
from modicum_server.measures.comparisons import difference_of, mean_of
from modicum_server.measures.intervals import SMALLEST_SAMPLE, bootstrap_means
from modicum_server.measures.measure import Measure, Measured, Parameters, Reading, concluded, share
from modicum_server.measures.measure_sets import DIFFERENCES, MeasureSet, Title
from modicum_server.measures.number_words import interval_text, share_text
from modicum_server.measures.observations import Booleans, Floats, Observations
from modicum_server.measures.pixel_subset_curves import GRID
from modicum_server.measures.reading_outcomes import decided

CONTROL = "pixel_subsets"
NOT_LABELLED = "no image with a pixel subset has a label"


def pixel_subsets(seen: Observations) -> Measured:
    """Return the measures of the control, none if it did not run.

    Beside the accuracies and the shares that keep the class, it returns the mean confidence in the predicted class on
    the chosen pixels. After descents its parameter `curve` is that mean over the share of pixels kept, with its
    interval. Each measure has the parameters `method`, the search that chose the pixels, and `left_out`, the number of
    images without a result.
    """
    found = seen.descents
    if not len(found.place):
        return {}
    label, whole = seen.label[found.place], seen.predicted[found.place]
    parameters = {
        "kept_share": KEPT_SHARE,
        "kept_pixels": kept_pixels(seen.canvas),
        "left_out": len(seen.position) - len(found.place),
        "method": found.method.value,
    }
    take = _Taking(seen.level, parameters)
    accuracies = _accuracies(
        take,
        seen.labelled[found.place],
        chosen=found.predicted == label,
        by_chance=found.random_predicted == label,
        whole=whole == label,
    )
    kept, kept_by_chance = found.predicted == whole, found.random_predicted == whole
    curve = {} if np.isnan(found.curve).any() else {"curve": _curve(found.curve, seen.level)}
    return {
        **accuracies,
        "pixel_subsets_class_kept_share": take.share(kept),
        "pixel_subsets_random_class_kept_share": take.share(kept_by_chance),
        "pixel_subsets_class_kept_gain": take.difference(kept, kept_by_chance),
        "pixel_subsets_confidence_mean": take.mean(found.confidence, **curve),
        "pixel_subsets_random_confidence_mean": take.mean(found.random_confidence),
    }


@dataclass(frozen=True, slots=True)
class _Taking:
    """Computes measures that share the level of their intervals and their parameters."""

    level: float
    parameters: Parameters

    def share(self, holds: Booleans) -> Measure:
        return share(holds, level=self.level, empty=NOT_LABELLED, parameters=self.parameters)

    def difference(self, first: Booleans, second: Booleans) -> Measure:
        """The first less the second, in pairs."""
        difference = difference_of(first.astype(np.float64) - second, level=self.level, empty=NOT_LABELLED)
        return replace(difference, parameters={**difference.parameters, **self.parameters})

    def mean(self, confidences: Floats, **parameters: Any) -> Measure:
        mean = mean_of(confidences, unit="confidence", level=self.level, empty="")
        return replace(mean, parameters={**self.parameters, **parameters})


def _accuracies(
    take: _Taking, labelled: Booleans, *, chosen: Booleans, by_chance: Booleans, whole: Booleans
) -> Measured:
    chosen, by_chance, whole = chosen[labelled], by_chance[labelled], whole[labelled]
    return {
        "pixel_subsets_accuracy": take.share(chosen),
        "pixel_subsets_random_accuracy": take.share(by_chance),
        "pixel_subsets_whole_accuracy": take.share(whole),
        "pixel_subsets_accuracy_gain": take.difference(chosen, by_chance),
        "pixel_subsets_accuracy_drop": take.difference(whole, chosen),
    }


def _curve(confidences: Floats, level: float) -> list[dict[str, float | None]]:
    """The mean over images at each kept share, rising; without ends below n = 10."""
    intervals = bootstrap_means(confidences, level) or [None] * len(GRID)
    return [
        {
            "kept_share": float(kept),
            "confidence": float(mean),
            "low": None if interval is None else interval.low,
            "high": None if interval is None else interval.high,
        }
        for kept, mean, interval in zip(GRID, confidences.mean(axis=0), intervals, strict=True)
    ]


def pixel_subsets_reading(measured: Measured) -> Reading | None:
    """Return the sentence about the control; None when it did not run."""
    kept = measured.get("pixel_subsets_class_kept_share")
    if kept is None or kept.value is None:
        return None
    by_chance = measured["pixel_subsets_random_class_kept_share"]
    fact = (
        f"In the {KEPT_SHARE:.0%} of the pixels that {kept.parameters['method']} chose, {share_text(kept.value)} of "
        f"{kept.n} images{interval_text(kept.interval)} keep their class"
    )
    random = f"In as many random pixels {share_text(by_chance.value or 0.0)}{interval_text(by_chance.interval)} keep it"
    outcome, statements = decided(CONTROL, measured)
    more = [random, *_accuracies_text(measured), *_left_out_text(kept)]
    return concluded(CONTROL, fact, _conclusion(outcome, kept.n), outcome, statements=statements, more=more)


def _accuracies_text(measured: Measured) -> list[str]:
    names = ("pixel_subsets_accuracy", "pixel_subsets_random_accuracy", "pixel_subsets_whole_accuracy")
    values = [measured[name].value for name in names]
    if None in values:
        return []
    chosen, by_chance, whole = (share_text(value) for value in values if value is not None)
    return [f"Accuracy is {chosen} on the chosen pixels, {by_chance} on the random ones and {whole} on whole images"]


def _left_out_text(kept: Measure) -> list[str]:
    left_out = kept.parameters["left_out"]
    return [f"{left_out:,} {'image has' if left_out == 1 else 'images have'} no pixel subset"] if left_out else []


def _conclusion(outcome: str, n: int) -> str:
    if outcome == "ANY_PIXELS":
        return "most images keep their class on as few random pixels"
    if outcome == "FEW_PIXELS":
        return "most images keep their class on so few pixels if a search chooses them, and fewer do on random ones"
    if outcome == "MORE_PIXELS":
        return "most images do not keep their class on the pixels that this search chose"
    if n < SMALLEST_SAMPLE:
        return f"fewer than {SMALLEST_SAMPLE} images, so no verdict"
    return "these images do not settle whether most images keep their class on so few pixels"


MEASURE_SET = MeasureSet(
    pixel_subsets,
    {
        "pixel_subsets_accuracy": Title("Accuracy on the chosen 5% of the pixels"),
        "pixel_subsets_random_accuracy": Title("Accuracy on a random 5% of the pixels, the same images"),
        "pixel_subsets_whole_accuracy": Title("Accuracy on whole images, the same images"),
        "pixel_subsets_accuracy_gain": Title("Accuracy on the chosen 5% minus that on a random 5%", range=DIFFERENCES),
        "pixel_subsets_accuracy_drop": Title("Accuracy on whole images minus that on the chosen 5%", range=DIFFERENCES),
        "pixel_subsets_class_kept_share": Title("Images that keep their class on the chosen 5% of the pixels"),
        "pixel_subsets_random_class_kept_share": Title("Images that keep their class on a random 5% of the pixels"),
        "pixel_subsets_class_kept_gain": Title(
            "Images that keep their class on the chosen 5% minus those on a random 5%", range=DIFFERENCES
        ),
        "pixel_subsets_confidence_mean": Title("Confidence on the chosen 5% of the pixels, mean"),
        "pixel_subsets_random_confidence_mean": Title("Confidence on a random 5% of the pixels, mean"),
    },
    pixel_subsets_reading,
)
