"""Rules against a baseline: two results of other audits, paired by the digests of their images.

What influences predictions must be equal in both: canvas, device, number type and library versions. For sizes of
subsets the search, its number type, its mean fill and whether it had a gradient must be equal, too. Softer logits alone
enlarge subsets (`logit_scale`): a version with softer logits than the baseline cannot pass a ratio rule, and one with
sharper ones cannot fail it, because the ratio does not tell what did it.

By class, accuracy is that of the images with the class as their label. Sizes are those of the images that both predict
to be of the class. Where too many images of the baseline are missing (`missing_images`), nothing passes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modicum.gate.baseline_file import Compared, Document, ImageResult, SearchResult, erased_in, without_images
from modicum.gate.logit_scale import Images, Scale, Seen, scale_of
from modicum.gate.means import Mean, mean_ends
from modicum.gate.missing_images import Missing, unless_missing
from modicum.gate.named_classes import NamedClasses
from modicum.gate.paired import Sizes, log_ratios
from modicum.gate.policy import Rule
from modicum.gate.tails import FEWEST_PAIRS, Number, Pairs, p_above, p_below, paired_ends
from modicum.gate.verdict import Check, Limits, class_words

LEVEL = 0.95
LEAST_SIZES = 30
"""Images that a ratio is of, at least. Of 12 images, chance leaves out in 28% all of a tenth whose subsets shrank."""
ONE_SIDED = 0.05
FOR_ACCURACY = ("canvas", "device", "dtype", "versions")
AGAINST = "against the baseline"
OTHER_CLASSES = "the baseline numbers its classes differently, so classes cannot be compared one by one"
CANNOT_TELL = (
    "{counted}: {told}, so the cause of the ratio is unknown; divide the new version's logits by the temperature at "
    "which as many images are eligible as with the baseline, and audit that version"
)
UNEQUAL = {
    Scale.SOFTER: "softer logits alone enlarge subsets",
    Scale.SHARPER: "sharper logits alone shrink subsets",
    Scale.UNKNOWN: "it is not known whether the logits are softer or sharper",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A version beside its baseline, under the search that a rule is about.

    Attributes:
        version: its name.
        ours: its side.
        search: what was asked.
        baseline: the other side.
        classes: those of the version.
        not_audited: the share of its data set that was left out at random.
    """

    version: str
    ours: Compared
    search: Mapping[str, Any]
    baseline: Compared
    classes: NamedClasses
    not_audited: float = 0.0

    def missing(self, images: Sequence[ImageResult], pairs: Images) -> Missing:
        """Return how many of these images of the baseline are in no pair."""
        paired = {theirs.image for _, theirs in pairs}
        lacking = sum(image.image not in paired for image in images)
        return Missing(len(images), lacking, self.not_audited)


def baseline_checks(rule: Rule, beside: Comparison) -> Iterator[Check]:
    """Yield what a rule says of a version beside its baseline: of all images, and of each class that it asks for."""
    whole = Check(model_version=beside.version, subject=AGAINST, against_baseline=True)
    mine, theirs = _searched(beside.ours, beside.search), _nearest(beside.baseline, beside.search)
    by_accuracy = rule.max_regression is not None
    apart = (
        next(_differing(beside.ours.conditions, beside.baseline.conditions, FOR_ACCURACY), "")
        if by_accuracy
        else _apart(beside.ours, mine, beside.baseline, theirs)
    )
    if apart:
        yield _unjudged(whole, f"the baseline was measured differently: {apart} differs")
        return
    pairs = _labelled(_pairs(mine, theirs)) if by_accuracy else _pairs(mine, theirs)
    if by_accuracy and any(mine.label != theirs.label for mine, theirs in pairs):
        yield _unjudged(whole, "some images have other labels in the baseline")
        return
    known, seen = _comparable(rule, theirs), scale_of(pairs)
    for check, images, missing in _by_class(rule, whole, pairs, known, beside):
        if check.judgeable:
            found = _accuracy(rule, check, images) if by_accuracy else _ratio(rule, check, images, seen)
            yield unless_missing(found, missing)
        else:
            yield check


def _comparable(rule: Rule, search: SearchResult) -> list[ImageResult]:
    """The images of the baseline that a rule could compare if the result had them all."""
    images = search.images.values()
    if rule.max_regression is None:
        return list(images)
    return [one for one in images if one.label is not None and one.predicted is not None]


def _by_class(
    rule: Rule, whole: Check, pairs: Images, known: Sequence[ImageResult], beside: Comparison
) -> Iterator[tuple[Check, Images, Missing]]:
    """The check of all images, where the rule asks for it, and of each class: with its images, and what is missing.

    `known` are the images of the baseline.
    """
    named = rule.classes if isinstance(rule.classes, tuple) else None
    everything = beside.missing(known, pairs)
    if named is None:
        yield whole, pairs, everything
    if rule.classes in {None, "pooled"}:
        return
    ours, theirs = beside.ours.class_labels, beside.baseline.class_labels
    if ours and theirs and ours != theirs:
        yield _unjudged(whole, OTHER_CLASSES), (), everything
        return
    found: dict[str, list[tuple[ImageResult, ImageResult]]] = {}
    for both in pairs:
        if (index := _class_of(rule, both)) is not None:
            found.setdefault(str(index), []).append(both)
    before = _classes_before(rule, known)
    for label, asked in _asked_classes(named, beside.classes, {**before, **found}):
        subject = label if asked is None else beside.classes.subject(asked)
        check = replace(whole, subject=f"{subject} {AGAINST}", class_label=label)
        if asked is not None and asked in found:
            yield check, found[asked], beside.missing(before.get(asked, ()), pairs)
        else:
            yield _unjudged(check, _why_no_image(rule, subject, len(before.get(asked or "", ())))), (), everything


def _classes_before(rule: Rule, known: Iterable[ImageResult]) -> dict[str, list[ImageResult]]:
    """The images of the baseline by class: by label for accuracy, by prediction for sizes, where some are too few."""
    by_class: dict[str, list[ImageResult]] = {}
    for one in known:
        index = one.predicted if rule.max_regression is None else one.label
        if index is not None:
            by_class.setdefault(str(index), []).append(one)
    fewest = FEWEST_PAIRS if rule.max_regression is None else 1
    return {index: images for index, images in by_class.items() if len(images) >= fewest}


def _why_no_image(rule: Rule, subject: str, before: int) -> str:
    which = "of" if rule.max_regression is not None else "that both versions predict as"
    told = f"; the baseline has {before:,}" if before else ""
    return f"no image {which} {class_words(subject)} is in both results{told}"


def _asked_classes(
    named: Sequence[str] | None, classes: NamedClasses, found: Iterable[str]
) -> Iterator[tuple[str, str | None]]:
    """The classes that a rule names, or all that were found, each with its index; None where no class has the name."""
    if named is None:
        yield from sorted((classes.label(index), index) for index in found)
        return
    for name in named:
        indexes: Sequence[str | None] = classes.called(name, found) or (None,)
        yield from ((name, index) for index in indexes)


def _class_of(rule: Rule, both: tuple[ImageResult, ImageResult]) -> int | None:
    """The class of an image: its label for accuracy; for sizes the class that both predict, None where they differ."""
    mine, theirs = both
    if rule.max_regression is not None:
        return mine.label
    return mine.predicted if mine.predicted == theirs.predicted else None


def measured_otherwise(document: Document, baseline: Document) -> str:
    """Return the first field in which two results of one version were measured otherwise; empty if in none.

    Rows are not looked at. The first search for the predicted class of each is compared. A baseline from which
    pictures were erased always differs.
    """
    if erased_in(baseline):
        return "pictures that were erased from it"
    ours, theirs = (without_images(one, one["models"][0]["model_version"]) for one in (document, baseline))
    search = next((one.search for one in ours.searches if one.search["target_rule"] == "predicted"), None)
    if search is None or not theirs.searches:
        return "searches"
    return _apart(ours, _searched(ours, search), theirs, _nearest(theirs, search))


def _labelled(pairs: Images) -> Images:
    return [both for both in pairs if all(one.label is not None and one.predicted is not None for one in both)]


def _accuracy(rule: Rule, check: Check, images: Images) -> Check:
    assert rule.max_regression is not None, "the rule is about accuracy"
    right = [(_is_right(mine), _is_right(theirs)) for mine, theirs in images]
    gained = sum(mine and not theirs for mine, theirs in right)
    lost = sum(theirs and not mine for mine, theirs in right)
    pairs, n = Pairs(gained, lost, len(right) - gained - lost), len(right)
    number = Number((gained - lost) / n if n else None, "difference", n, pairs=pairs)
    ends = paired_ends(pairs, LEVEL)
    if ends is None:
        return _unjudged(check, f"only {n} labelled images are in both results")
    return _judged(check, number, ends, -rule.max_regression)


def _ratio(rule: Rule, check: Check, images: Images, seen: Seen) -> Check:
    """The check of a ratio; `seen` is how the logits of all images compare. Those of the class may differ by more."""
    assert rule.min_ratio_to_baseline is not None, "the rule is about a ratio"
    logs = log_ratios(*(_sizes(side) for side in zip(*images, strict=True))) if images else np.array([])
    if len(logs) < LEAST_SIZES:
        few = f"only {len(logs)} images were searched to the end in both results"
        return _unjudged(check, f"{few}; a ratio needs {LEAST_SIZES}")
    mean = Mean.of(logs, logarithms=True)
    number = Number(mean.value, "ratio", mean.n, mean=mean)
    found = _judged(check, number, mean_ends(mean, LEVEL), rule.min_ratio_to_baseline)
    return _unless_scale(found, seen if seen.scale is not Scale.ALIKE else scale_of(images))


def _unless_scale(check: Check, seen: Seen) -> Check:
    """Return the check without the pass or the failure that softer or sharper logits alone could have caused."""
    if seen.scale is Scale.ALIKE:
        return check
    cannot = CANNOT_TELL.format(counted=seen.counted, told=UNEQUAL[seen.scale])
    return replace(
        check,
        passes=check.passes and seen.scale is Scale.SHARPER,
        p=check.p if seen.scale is Scale.SOFTER else 1.0,
        unsettled=cannot,
    )


def _judged(check: Check, number: Number, ends: tuple[float | None, float | None], limit: float) -> Check:
    return replace(
        check,
        value=number.value,
        unit=number.unit,
        n=number.n,
        low=ends[0],
        high=ends[1],
        level=LEVEL,
        limits=Limits(at_least=limit),
        p=p_below(number, limit),
        passes=p_above(number, limit) <= ONE_SIDED,
    )


def _unjudged(check: Check, reason: str) -> Check:
    return replace(check, judgeable=False, reason=reason)


def _apart(ours: Compared, mine: SearchResult, baseline: Compared, theirs: SearchResult) -> str:
    """The first field of what must be equal for sizes to compare that differs, or is not known; empty if none."""
    fields = [
        *_differing(ours.conditions, baseline.conditions, tuple({**ours.conditions, **baseline.conditions})),
        *_differing(mine.search, theirs.search, tuple(mine.search)),
    ]
    return fields[0] if fields else "gradient_free" if mine.gradient_free != theirs.gradient_free else ""


def _differing(ours: Mapping[str, Any], theirs: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    """Names of what differs, or is not known."""
    return (name for name in names if ours.get(name) is None or ours.get(name) != theirs.get(name))


def _searched(side: Compared, search: Mapping[str, Any]) -> SearchResult:
    return next(one for one in side.searches if one.search == search)


def _nearest(side: Compared, search: Mapping[str, Any]) -> SearchResult:
    """The search of the baseline that differs in the fewest fields."""
    return min(side.searches, key=lambda one: sum(1 for _ in _differing(search, one.search, tuple(search))))


def _pairs(mine: SearchResult, theirs: SearchResult) -> Images:
    """The results on each image that both searches saw, in one order."""
    both = sorted(mine.images.keys() & theirs.images.keys())
    return [(mine.images[image], theirs.images[image]) for image in both]


def _sizes(images: Sequence[ImageResult]) -> Sizes:
    sizes = [np.nan if one.size is None else one.size for one in images]
    return Sizes(np.array([one.image for one in images]), np.array(sizes, dtype=np.float64))


def _is_right(image: ImageResult) -> bool:
    return image.label == image.predicted
