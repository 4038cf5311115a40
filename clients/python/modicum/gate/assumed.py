"""A result document that nobody measured: what a plan assumes where there is no result yet. Judges nothing.

A share lies half-way between its limit and the best that it can be. As many paired images are gained as lost, 4% of all
differ. In each class the spot test finds what it found in the class nearest to its limit of the median clean network of
the benchmark of planted cues (300 images, 150 passes): a source makes on average 8% of the other pictures its class.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from modicum.gate.policy import Kind, Policy, Rule

VERSION, OTHER = (f"projects/default/models/assumed/versions/{number}" for number in (1, 2))
IMAGES = 1000
"""A round number of images, so that counts are whole. A plan scales it."""
DIFFERING = 0.04
DEFAULT_PASSES = 600
"""The budget that a server gives a search if nobody changed it."""
SPOT_PASSES, SPOT_IMAGES, SPOT_ROWS = 400, 300, 11
"""Of an image, the most that the spot test took on so many images of ten classes. One more row is of all of them."""
OTHER_PASSES = 12
"""Of an image, what other controls take."""
FOLLOWED, OF_SOURCES, SHARE = 11, 40, 0.29
"""Of 40 sources 11 make 29% of the other pictures their class, and the others none: 8% on average."""
SHARE_WORDS = {"accuracy", "share", "rate"}
DIFFERENCE_WORDS = {"drop", "loss", "difference"}
"""Words in the ids of rules about shares, and about paired differences."""

ASSUMPTIONS = (
    "no result is at hand, so the spread is assumed: name a RESULT for better estimates",
    "each class has as many images as any other",
    "a share lies half-way between its limit and the best that it can be",
    f"of paired images {DIFFERING:.0%} differ, as many gained as lost",
    "in each class the spot test finds what it found in the worst class of a typical clean network of the benchmark",
)


def assumed_spot(policy: Policy) -> tuple[int, int, int] | None:
    """Return the passes that a spot test takes, of how many images and rows; None where the policy asks for none."""
    return (SPOT_PASSES * SPOT_IMAGES, SPOT_IMAGES, SPOT_ROWS) if "spot" in _runs(policy) else None


def _runs(policy: Policy) -> set[str]:
    """The controls that take passes."""
    controls = policy.audit.get("controls")
    return {one.split(":")[0] for one in controls} if controls is not None else {"class_targeted", "spot"}


def assumed_passes(policy: Policy) -> tuple[float, str]:
    """Return the pass-equivalents of an image without the spot test, and what was assumed for that, in words."""
    budget = policy.least_passes or DEFAULT_PASSES
    runs = _runs(policy)
    passes = budget * (1 + ("class_targeted" in runs)) + OTHER_PASSES
    twice = " once more for class_targeted," if "class_targeted" in runs else ""
    words = f"an image takes {passes:,} passes: {budget} for its search,{twice} {OTHER_PASSES} for other controls"
    return float(passes), words


def assumed_document(policy: Policy, classes: int) -> dict[str, Any]:
    """Return a result document with so many classes and the assumed measure of each rule of the policy."""
    names = _class_names(policy, classes)
    asked = {name: policy.audit[name] for name in ("threshold", "fill") if name in policy.audit}
    passes = policy.least_passes
    measures: dict[str, dict[str, Any]] = {"": {}}
    for rule in policy.rules:
        measure = _measure(rule)
        if measure is not None:
            part = measures.setdefault(rule.known.part, {})
            part[rule.known.name] = {
                **measure,
                "groups": {str(at): _of_class(measure, len(names)) for at in range(len(names))},
            }
    searched = {
        "search": {"threshold": 0.9, "fill": "mean", "target_rule": "predicted", "passes": passes, **asked},
        "measures": measures[""],
        "readings": [],
        "counts": {"images": IMAGES, "failed": 0, "eligible": IMAGES},
    }
    settings = {name: policy.audit.get(name, 0) for name in ("seed", "sample")}
    statistics = {"level": policy.audit.get("level", 0.95), "alpha": policy.audit.get("alpha", 0.05)}
    return {
        "schema_version": 3,
        "audit": "",
        "created": "",
        "specification": {**settings, "statistics": statistics, "searches": [searched["search"]]},
        "specification_digest": "",
        "findings": {"digest": ""},
        "dataset": {"name": "", "labelled": IMAGES, "audited": IMAGES},
        "models": [{"model_version": VERSION, "digest": "", "searches": [searched]}],
        "spots": [{"model_version": VERSION, "untested_classes": 0, "rows": list(_rows(names))}],
        "mitigation": [],
        **{part: [_entry(found)] for part, found in measures.items() if part},
    }


def _class_names(policy: Policy, classes: int) -> list[str]:
    """The classes that rules name, and as many others as are asked for."""
    named = dict.fromkeys(name for rule in policy.rules if isinstance(rule.classes, tuple) for name in rule.classes)
    return [*named, *(f"class {at}" for at in range(len(named), classes))]


def _measure(rule: Rule) -> dict[str, Any] | None:
    """The assumed measure of a rule; None where its spread cannot be assumed, as of a median."""
    words = set(rule.id.split("-"))
    if rule.known.kind is not Kind.MEASURE or (rule.max is None and rule.min is None and not rule.needs_baseline):
        return None
    if words & DIFFERENCE_WORDS:
        return {"value": 0.0, "unit": "difference", "n": IMAGES, "parameters": {"differing": DIFFERING * IMAGES}}
    if words & SHARE_WORDS:
        low, high = rule.min or 0.0, 1.0 if rule.max is None else rule.max
        value = (low + high) / 2
        return {"value": value, "unit": "share", "n": IMAGES, "parameters": {"successes": round(value * IMAGES)}}
    return None


def _of_class(measure: Mapping[str, Any], classes: int) -> dict[str, Any]:
    """The same measure of one of so many classes."""
    parameters = {name: number / classes for name, number in measure["parameters"].items()}
    return {**measure, "n": measure["n"] / classes, "parameters": parameters}


def _entry(measures: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of a part of the document: of the version, or of it beside another one."""
    pair = {"source": VERSION, "scorer": OTHER, "first": VERSION, "second": OTHER, "note": ""}
    return {"model_version": VERSION, **pair, "search_index": 0, "measures": measures, "classes": []}


def _rows(names: list[str]) -> Iterator[dict[str, Any]]:
    yield _row(None, "", IMAGES)
    for at, name in enumerate(names):
        yield _row(at, name, IMAGES / len(names))


def _row(target_class: int | None, label: str, sources: float) -> dict[str, Any]:
    return {
        "target_class": target_class,
        "label": label,
        "sources": sources,
        "places": [_place(round(sources), own=own) for own in (False, True)],
        "examples": [],
    }


def _place(sources: int, *, own: bool) -> dict[str, Any]:
    counts = [
        {"source": at, "pairs": 1, "here": SHARE if at * FOLLOWED % OF_SOURCES < FOLLOWED else 0, "elsewhere": 0}
        for at in range(sources)
    ]
    value = FOLLOWED / OF_SOURCES * SHARE
    return {
        "own": own,
        "places": [{"kind": "OWN", "width": 0, "height": 0}],
        "measures": {"spot_pasted_difference": {"value": value, "unit": "difference", "n": sources}},
        "pasted": counts,
        "covered": counts,
    }
