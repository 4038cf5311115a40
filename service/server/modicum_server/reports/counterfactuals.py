"""The counterfactual set on the page: accuracy and predictions by class, with pictures of pairs. Knows no HTML."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum.gate.tones import Tag, tag_of

from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measure, measure_from_json
from modicum_server.measures.number_words import confidence_text, points_number, share_text
from modicum_server.reports import panels
from modicum_server.reports.gallery import Scene
from modicum_server.reports.wording import class_text

MOST_ROWS = 20
"""Classes of a table; of further ones the page gives the number."""


@dataclass(frozen=True, slots=True)
class ShownPair:
    """A pair whose prediction changes: both pictures (data: addresses), both predictions, and the item."""

    item: str
    original: str
    counterfactual: str
    original_class: str
    counterfactual_class: str
    confidence: str
    left: str


@dataclass(frozen=True, slots=True)
class LossLine:
    """Accuracy on both sides of the pairs of one class, or (`of_all`) of all."""

    label: str
    of_all: bool
    tag: Tag
    pairs: int
    original: str
    counterfactual: str
    loss: str


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """How many predictions of one class change, and to what."""

    label: str
    pairs: int
    changed: str
    to: str


@dataclass(frozen=True, slots=True)
class CounterfactualPage:
    """The counterfactual set and one version. `more_*` count the classes beyond the tables."""

    model: str
    dataset: str
    pairs: int
    same_picture: int
    unpaired: int
    unpaired_items: Sequence[str]
    failed: int
    failed_items: Sequence[Mapping[str, str]]
    shown: tuple[ShownPair, ...]
    losses: tuple[LossLine, ...]
    more_losses: int
    changes: tuple[ChangeLine, ...]
    more_changes: int


def counterfactual_pages(
    document: Mapping[str, Any], scenes: Mapping[str, Scene], called: Callable[[str], str]
) -> list[CounterfactualPage]:
    """Return the counterfactual sets of a document, in its order. Older documents have none.

    Args:
        document: the result document.
        scenes: by version, what its pictures need.
        called: names a version.
    """
    tests = document.get("counterfactuals", ())
    return [_page(test, scenes[test["model_version"]], called(test["model_version"])) for test in tests]


def _page(test: Mapping[str, Any], scene: Scene, model: str) -> CounterfactualPage:
    losses = sorted(test["classes"], key=lambda row: -row["measures"]["counterfactual_accuracy_loss"]["value"])
    changes = [row for row in test["predicted_classes"] if _changed(row)]
    overall = [_loss_line({**test, "label": "all pairs", "outcome": test["pooled_outcome"]})] if losses else []
    return CounterfactualPage(
        model=model,
        dataset=test["dataset"],
        pairs=test["pairs"],
        same_picture=test["same_picture"],
        unpaired=test["unpaired"],
        unpaired_items=test["unpaired_items"],
        failed=test["failed"],
        failed_items=test["failed_items"],
        shown=tuple(pair for example in test["examples"] if (pair := _shown(example, scene)) is not None),
        losses=(*overall, *map(_loss_line, losses[:MOST_ROWS])),
        more_losses=max(0, len(losses) - MOST_ROWS),
        changes=tuple(map(_change_line, sorted(changes, key=lambda row: -_changed(row))[:MOST_ROWS])),
        more_changes=max(0, len(changes) - MOST_ROWS),
    )


def _changed(row: Mapping[str, Any]) -> float:
    return float(row["measures"]["counterfactual_changed_share"]["value"] or 0.0)


def _loss_line(row: Mapping[str, Any]) -> LossLine:
    original, counterfactual, loss = (
        measure_from_json(row["measures"][f"counterfactual_{name}"])
        for name in ("original_accuracy", "accuracy", "accuracy_loss")
    )
    return LossLine(
        label=row["label"],
        of_all="pooled_outcome" in row,
        tag=tag_of(row["outcome"]),
        pairs=loss.n,
        original=share_text(original.value or 0.0),
        counterfactual=share_text(counterfactual.value or 0.0),
        loss=_points_with_interval(loss),
    )


def _change_line(row: Mapping[str, Any]) -> ChangeLine:
    others = [f"{one['label']} {one['pairs']:,}" for one in row["to"] if one["class"] != row["class"]]
    changed = measure_from_json(row["measures"]["counterfactual_changed_share"])
    return ChangeLine(row["label"], row["pairs"], _with_interval(changed), ", ".join(others[:MOST_ROWS]))


def _with_interval(measure: Measure, number: Callable[[float], str] = share_text) -> str:
    """A share with its interval, written by `number`."""
    value, interval = number(measure.value or 0.0), measure.interval
    if interval is None or interval.low is None or interval.high is None:
        return f"{value} (no interval below n = {SMALLEST_SAMPLE})"
    return f"{value} ({number(interval.low)} to {number(interval.high)})"


def _points_with_interval(measure: Measure) -> str:
    """A difference of shares in percentage points, as the column's head says."""
    return _with_interval(measure, points_number)


def _shown(example: Mapping[str, Any], scene: Scene) -> ShownPair | None:
    """The pair; None where one of its pictures is no longer stored."""
    original, counterfactual = (scene.photograph(example[name]) for name in ("image_digest", "counterfactual_digest"))
    if original is None or counterfactual is None:
        return None
    return ShownPair(
        item=example["item"],
        original=panels.photograph_uri(original.pixels),
        counterfactual=panels.photograph_uri(counterfactual.pixels),
        original_class=class_text(example["predicted_class"], scene.labels),
        counterfactual_class=class_text(example["counterfactual_class"], scene.labels),
        confidence="" if example["confidence"] is None else confidence_text(example["confidence"]),
        left="" if example["confidence_left"] is None else confidence_text(example["confidence_left"]),
    )
