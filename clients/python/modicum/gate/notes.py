"""What a reader of a verdict must know beside its rules. Judges nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modicum.gate.baseline_file import Compared
from modicum.gate.copies import copies_note
from modicum.gate.early_stop import stop_notes
from modicum.gate.excuses import Excuses, boxes_of_the_canvas, idle_excuses
from modicum.gate.levels import level_note
from modicum.gate.missing_images import missing_images_notes
from modicum.gate.policy import Policy
from modicum.gate.spots import accepted_places, classes_without_row
from modicum.gate.verdict import RuleVerdict
from modicum.resource_names import short_version

Document = Mapping[str, Any]
SAME_VERSION = (
    "the baseline is a result of the judged version itself, so comparisons with it show no change of the model"
)


def notes(
    document: Document, policy: Policy, judged: Sequence[RuleVerdict], baseline: Compared | None, excuses: Excuses
) -> Iterator[str]:
    """Yield the notes of a verdict."""
    yield from stop_notes(document)
    yield from filter(None, (level_note(document), copies_note(document)))
    yield from _review_notes(document)
    if baseline is not None:
        yield f"the baseline is {baseline.result['audit']}, sha256:{baseline.digest}"
        if {model["digest"] for model in document["models"]} & {*baseline.result["model_digests"].values()}:
            yield SAME_VERSION
        yield from missing_images_notes(document, baseline)
    for model in document["models"]:
        yield from _not_measured(model)
        if any(one.rule.known.is_spot and one.rule.classes in {None, "all"} for one in judged):
            yield from classes_without_row(document, model)
    yield from excused(document, policy, judged)
    yield from boxes_of_the_canvas(policy, document)
    yield from idle_excuses(policy, document, judged, excuses)


def excused(document: Document, policy: Policy, judged: Sequence[RuleVerdict]) -> Iterator[str]:
    """Yield each place that was accepted, and each failure that is waived."""
    for model in document["models"]:
        yield from accepted_places(document, model["model_version"], policy.accept)
    for one in judged:
        for check in one.checks:
            if check.waived:
                yield f"{one.rule.id} fails{f' for {check.about}' if check.about else ''}, {check.waived}"


def _review_notes(document: Document) -> Iterator[str]:
    """What people see in the subsets of a judged version, where a report tells of blind reviews."""
    judged = {model["model_version"] for model in document["models"]}
    for review in document.get("reviews", ()):
        if review["model_version"] in judged:
            yield (
                f"a blind review of {short_version(review['model_version'])}, with subsets of at most "
                f"{review['largest_fraction']:g} of the pixels, is {review['outcome']}: {review['text']} "
                f"(sha256:{review['digest']})"
            )


def _not_measured(model: Document) -> Iterator[str]:
    """Images that failed, under the search that lost the most."""
    counts = max((search["counts"] for search in model["searches"]), key=lambda one: int(one["failed"]), default=None)
    if counts is not None and counts["failed"]:
        yield f"{counts['failed']} of {counts['images']} images could not be measured; the result names them and why"
