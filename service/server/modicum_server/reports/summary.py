"""The summary of an audit in one honest paragraph. Measures nothing, and rounds nothing in the model's favour."""

from collections.abc import Mapping
from typing import Any

from modicum.gate.counting import counted
from modicum.gate.outcomes import not_eligible

from modicum_server.measures.class_targeted import search_text
from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measure, Measured
from modicum_server.measures.number_words import asked_text, interval_text, share_text, threshold_text

GRADIENT_FREE = (
    "This version has no useful gradient. Its subsets come from a search by forward passes alone and are larger than "
    "those that a search by gradients would find."
)


def claim(measured: Measured) -> str:
    """Return the headline in as few words as a first screen needs."""
    rate = measured["overinterpretation_rate"]
    if rate.value is None:
        return headline(measured)
    images = _tally(rate) if rate.interval is None else f"{share_text(rate.value)} of the"
    return f"On {images} searched images, {_bound(rate)} of the pixels or fewer are enough for the same answer."


def headline(measured: Measured) -> str:
    """Return the first sentence: the overinterpretation rate, or why there is none."""
    rate = measured["overinterpretation_rate"]
    if "other_class_found_share" in measured:
        return _found_headline(measured["other_class_found_share"])
    if rate.value is None:
        return "No image could be searched, so this audit says nothing about overinterpretation."
    images = f"{rate.parameters['successes']} of the {rate.n} images"
    if rate.interval is not None:
        images = f"{share_text(rate.value)} of the images"
    few = f"{_bound(rate)} of the pixels or fewer"
    return f"For {images} that were searched, {few} suffice on the search's fill for the same confident decision."


def sentences(measured: Measured, counts: Mapping[str, int], search: Mapping[str, Any]) -> list[str]:
    """Return the sentences after the headline: interval, companion, sizes, and open points."""
    rate = measured["overinterpretation_rate"]
    if "other_class_found_share" in measured:
        return _of_another_class(measured, counts)
    if rate.value is None:
        return _nothing_searched(counts, search)
    parts = [_certainty(rate), _companion(measured), _sizes(measured["subset_fraction_median"]), _left_out(counts)]
    return [part for part in parts if part]


def caveats(result: Mapping[str, Any]) -> list[str]:
    """Return what a reader must know about the searches of each version. Older documents say nothing about them."""
    return [GRADIENT_FREE] if result.get("gradient_free") else []


def _found_headline(found: Measure) -> str:
    if found.value is None:
        return "No image could be searched for a random other class, so this search says nothing."
    images = f"{_tally(found)} images" if found.interval is None else f"{share_text(found.value)} of the images"
    return f"For {images}, some pixels suffice on the search's fill for a confident decision for a random other class."


def _of_another_class(measured: Measured, counts: Mapping[str, int]) -> list[str]:
    """Return the sentences of a search for a random other class. It has no rate; missing subsets count as larger."""
    found, fraction = measured["other_class_found_share"], measured["subset_fraction_median"]
    if found.value is None:
        return []
    parts = [
        f"That is {_tally(found)}{interval_text(found.interval)}. The model predicts another class on every image.",
        _sizes(fraction) or f"The median subset fraction is not known: {fraction.unavailable}.",
        "The overinterpretation rate is defined for searches for the predicted class.",
    ]
    if counts["baseline_confident"]:
        parts.append(
            f"On {counted(counts['baseline_confident'], 'image')} the bare fill alone "
            "reaches the threshold for the class."
        )
    return parts


def _nothing_searched(counts: Mapping[str, int], search: Mapping[str, Any]) -> list[str]:
    threshold = threshold_text(search["threshold"])
    if counts["images"] == 0:
        return ["There were no images to audit."]
    if counts["failed"] == counts["images"]:
        return [f"All {counts['images']} images failed; the reasons are listed below."]
    if counts["baseline_confident"]:
        on = f"On {counted(counts['baseline_confident'], 'image')}"
        return [
            f"{on} the bare fill alone reaches the threshold of {threshold}.",
            "With this fill the model is confident without any pixel of the image. Try another fill.",
        ]
    if counts["eligible"]:
        eligible = counts["eligible"]
        which = "1 image that is" if eligible == 1 else f"{eligible:,} images that are"
        return [f"The {which} eligible could not be searched; the reasons are listed below."]
    return [
        f"On none of the {counts['images']} images does the model's confidence reach the threshold of {threshold}.",
        "Lower the threshold, or check that the input specification is the one from the training.",
    ]


def _certainty(rate: Measure) -> str:
    if rate.interval is None:
        return (
            f"Only {counted(rate.n, 'image')} could be searched. An interval and a verdict need at least "
            f"{SMALLEST_SAMPLE}. Read what follows as single cases."
        )
    ends = interval_text(rate.interval).strip(" ()")
    return f"That is {_tally(rate)} ({ends}). A stronger search may find more such images."


def _bound(rate: Measure) -> str:
    return asked_text(rate.parameters["alpha"])


def _companion(measured: Measured) -> str:
    other, rate = measured["overinterpretation_rate_class_targeted"], measured["overinterpretation_rate"]
    if other.value is None or rate.value is None:
        return f"It is not known how much of this the mask itself does: {other.unavailable or rate.unavailable}."
    bare = measured.get("class_targeted_baseline_confident_share")
    beside = (
        f" On {_tally(bare)} images the bare fill alone reaches the threshold for that class."
        if bare and bare.value
        else ""
    )
    fact = (
        f"For a random other class, {search_text(other)} finds that {_bound(rate)} of the pixels suffice on "
        f"{_count(other)}"
    )
    return f"{fact}{interval_text(other.interval)}{_comparison(rate, other)}.{beside}"


def _comparison(rate: Measure, other: Measure) -> str:
    first, second = rate.interval, other.interval
    if first is None or second is None:
        return "; there are too few images to compare"
    if (first.low or 0) > (second.high or 0):
        return ", clearly less often"
    if (second.low or 0) > (first.high or 0):
        return ", clearly more often"
    return "; the two shares have images in common and their intervals overlap, so no difference is claimed"


def _sizes(fraction: Measure) -> str:
    if fraction.value is None:
        return ""
    return f"The median subset holds {share_text(fraction.value)} of the pixels{interval_text(fraction.interval)}."


def _left_out(counts: Mapping[str, int]) -> str:
    kinds = (
        (not_eligible(counts), "not confident enough to be searched"),
        (counts["baseline_confident"], "left out because the bare fill alone is confident"),
        (counts["failed"], "failed"),
    )
    named = [f"{number} {kind}" for number, kind in kinds if number > 0]
    return f"Of {counted(counts['images'], 'image')}, {'; '.join(named)}." if named else ""


def _count(measure: Measure) -> str:
    if measure.value is None or measure.interval is None:
        return f"{_tally(measure)} images"
    return f"{share_text(measure.value)} of {measure.n} images"


def _tally(measure: Measure) -> str:
    return f"{measure.parameters['successes']} of {measure.n}"
