"""A result document that nobody measured: what a plan assumes where there is no result yet. Judges nothing.

What measures and readings are is in `assumed_measures` and `assumed_readings`. In each class the spot test finds what
it found in the class nearest to its limit of the median clean network of the benchmark of planted cues (300 images, 150
passes): a source makes on average 8% of the other pictures its class.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from modicum.gate.as_asked import FIELDS
from modicum.gate.asked_audit import PIXEL_SUBSETS, PREDICTED, asked_controls, searches_of
from modicum.gate.assumed_measures import (
    DIFFERING,
    IMAGES,
    MOST_TIMES,
    SPREAD,
    assumed_measure,
    is_ratio,
    of_class,
)
from modicum.gate.assumed_readings import assumed_numbers, open_reading
from modicum.gate.one_version import OTHERS
from modicum.gate.policy import Policy
from modicum.gate.readings_again import applied_rules
from modicum.gate.search_passes import WITH_BUDGET, has_budget, passes_an_image
from modicum.gate.version_pairs import PAIRED

VERSION, OTHER = (f"projects/default/models/assumed/versions/{number}" for number in (1, 2))
DEFAULT_PASSES = 600
"""The budget that a server gives a search if nobody changed it."""
SPOT_PASSES, SPOT_IMAGES, SPOT_ROWS = 400, 300, 11
"""Of an image, the most that the spot test took on so many images of ten classes. One more row is of all of them."""
OTHER_PASSES = 12
"""Of an image, what other controls take."""
PIXEL_SUBSETS_PASSES = 300
"""The budget that a server gives pixel subsets if nobody names one."""
CANVAS = {"channels": 3, "height": 224, "width": 224}
PIXELS_PER_STEP = 100
"""Pixels that a server lets batched_gradient remove in each step on that canvas."""
MOST_PASSES = 10**10
"""More than any search takes on that canvas."""
FOLLOWED, OF_SOURCES, SHARE = 11, 40, 0.29
"""Of 40 sources 11 make 29% of the other pictures their class, and the others none: 8% on average."""

ASSUMPTIONS = (
    "no RESULT was given, so its figures are assumed: give a RESULT for better estimates",
    "all classes have the same number of images",
    "a number lies halfway between its limit and its best possible value (twice its limit, if it has no bound)",
    f"values behind a median or a quartile spread evenly down to 0 and up to {MOST_TIMES} times it, within their range",
    "each control has the first outcome that its rule expects, and the shares that decide it are 75% or 25%",
    f"{DIFFERING:.0%} of paired images differ: half of these are gained, half lost",
    "in each class the spot test finds what it found in the worst class of a typical clean network of the benchmark",
)
RATIO_ASSUMPTIONS = (
    "one of the two versions is judged; both have the same number of eligible images and the same mean fill",
    "the ratio of two versions lies halfway between its limits",
    "a missing limit of two versions is taken as 1, or as twice or half the other limit if that lies beyond 1",
    f"sizes of one image differ between two versions by a factor of {math.exp(SPREAD):.1f} (one standard deviation)",
)


def assumptions_of(policy: Policy) -> tuple[str, ...]:
    """Return what is assumed for the rules of a policy, in words."""
    return (*ASSUMPTIONS, *(RATIO_ASSUMPTIONS if any(map(is_ratio, policy.rules)) else ()))


def assumed_spot(policy: Policy) -> tuple[int, int, int] | None:
    """Return the passes that a spot test takes, of how many images and rows; None where the policy asks for none."""
    versions = _versions(policy)
    test = SPOT_PASSES * SPOT_IMAGES * versions, SPOT_IMAGES, SPOT_ROWS * versions
    return test if "spot" in _runs(policy) else None


def _versions(policy: Policy) -> int:
    """How many versions an audit has: a rule about two needs both."""
    return 2 if any(rule.known.part in PAIRED or rule.known.name == "transfer" for rule in policy.rules) else 1


def _runs(policy: Policy) -> set[str]:
    """The controls that take passes."""
    controls = policy.audit.get("controls")
    return {one.split(":")[0] for one in controls} if controls is not None else {"class_targeted", "spot"}


def assumed_passes(policy: Policy) -> tuple[float, str]:
    """Return the pass-equivalents of an image without the spot test, and what was assumed for that, in words."""
    searches, budget = searches_of(policy.audit), _search_passes(policy)
    predicted = sum(one.get("target", PREDICTED) == PREDICTED for one in searches)
    controls = {name: passes for name, _, passes in asked_controls(policy.audit)}
    again = (controls.get("class_targeted") or budget) * predicted if "class_targeted" in _runs(policy) else 0
    pixels = (controls[PIXEL_SUBSETS] or PIXEL_SUBSETS_PASSES) if PIXEL_SUBSETS in controls else 0
    versions = _versions(policy)
    passes = (budget * len(searches) + again + pixels + OTHER_PASSES) * versions
    parts = [
        f"{budget:,} for its search" if len(searches) == 1 else f"{budget:,} for each of its {len(searches)} searches",
        *([f"{again:,} for class_targeted"] if again else ()),
        *([f"{pixels:,} for pixel_subsets"] if pixels else ()),
        f"{OTHER_PASSES} for other controls",
    ]
    each = "" if versions == 1 else ", with each of two versions"
    canvas = "" if has_budget(policy.audit) else f" of {CANVAS['height']}x{CANVAS['width']} pixels"
    return (
        float(passes),
        f"an image{canvas} takes {passes:,} passes: {', '.join(parts)}{each}",
    )


def _search_passes(policy: Policy) -> int:
    """The passes of one search of one image: the budget that the policy asks for, or what its method's steps take."""
    if has_budget(policy.audit):
        return policy.least_passes or DEFAULT_PASSES
    steps = {"pixels_per_step": PIXELS_PER_STEP, **policy.audit}
    return passes_an_image(steps, CANVAS, most=MOST_PASSES)


def assumed_document(policy: Policy, classes: int) -> dict[str, Any]:
    """Return a result document with so many classes and the assumed measure of each rule of the policy."""
    names = _class_names(policy, classes)
    measures = _measures(policy, len(names))
    searches: list[dict[str, Any]] = [
        {
            "search": one,
            "measures": measures[""],
            "readings": [],
            "counts": {"images": IMAGES, "failed": 0, "eligible": IMAGES},
        }
        for one in _searches(policy)
    ]
    settings = {name: policy.audit.get(name, 0) for name in ("seed", "sample")}
    statistics = {"level": policy.audit.get("level", 0.95), "alpha": policy.audit.get("alpha", 0.05)}
    document: dict[str, Any] = {
        "schema_version": 4,
        "audit": "",
        "created": "",
        "specification": {**settings, "statistics": statistics, "canvas": CANVAS, "searches": _searches(policy)},
        "specification_digest": "",
        "findings": {"digest": ""},
        "dataset": {"name": "", "labelled": IMAGES, "audited": IMAGES},
        "models": [{"model_version": VERSION, "digest": "", "searches": searches}],
        OTHERS: [{"model_version": OTHER, "digest": "", "searches": searches}],
        "spots": [{"model_version": VERSION, "untested_classes": 0, "rows": list(_rows(names))}],
        "mitigation": [],
        **{part: [_entry(found)] for part, found in measures.items() if part},
    }
    read = {rule.known.name for rule in policy.rules if assumed_numbers(rule) is not None}
    for searched in searches:
        rules = applied_rules(document, VERSION, searched)
        searched["readings"] = [open_reading(name, rules[name].statements) for name in sorted(read)]
    return document


def _searches(policy: Policy) -> list[dict[str, Any]]:
    """Return the searches that the policy asks for, with default values for what it leaves out."""
    usual = {
        "threshold": 0.9,
        "fill": "mean",
        "method": WITH_BUDGET,
        "pixels_per_step": PIXELS_PER_STEP,
        "fraction": 0.0,
    }
    passes = policy.least_passes if has_budget(policy.audit) else 0
    return [
        {**usual, "passes": passes, "target_rule": PREDICTED, **{FIELDS.get(key, key): one[key] for key in one}}
        for one in searches_of(policy.audit)
    ]


def _measures(policy: Policy, classes: int) -> dict[str, dict[str, Any]]:
    """The measures that rules are about, by the part that holds them; those of a search under an empty name.

    A difference that a reading needs stays: a rule about the same difference would have one of nothing assumed.
    """
    found: dict[str, dict[str, Any]] = {"": {}}
    for rule in policy.rules:
        if (numbers := assumed_numbers(rule)) is not None:
            name, measures = numbers
            found.setdefault(name, {}).update(measures)
    for rule in policy.rules:
        if (measure := assumed_measure(rule)) is not None:
            part = found.setdefault(rule.known.part, {})
            whole = part.get(rule.known.name, measure) if measure["unit"] == "difference" else measure
            groups = {str(at): of_class(whole, classes) for at in range(classes)}
            part[rule.known.name] = {**whole, "groups": groups}
    return found


def _class_names(policy: Policy, classes: int) -> list[str]:
    """The classes that rules name, and as many others as are asked for."""
    named = dict.fromkeys(name for rule in policy.rules if isinstance(rule.classes, tuple) for name in rule.classes)
    return [*named, *(f"class {at}" for at in range(len(named), classes))]


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
