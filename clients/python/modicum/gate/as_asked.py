"""Whether a result was measured as its policy asks, and whether the evidence reaches the policy's floors."""

from collections.abc import Iterator, Mapping
from typing import Any

from modicum.gate.asked_audit import PIXEL_SUBSETS, Settings, asked_controls, searches_of, usual_search
from modicum.gate.copies import distinct
from modicum.gate.policy import Policy
from modicum.gate.search_passes import WITH_BUDGET, has_budget, passes_an_image
from modicum.gate.searched import asked_searches

Document = Mapping[str, Any]
FIELDS = {"target": "target_rule"}
"""Keys of a policy that a search of the document has under another name."""
USUAL = {"method": WITH_BUDGET}
"""What a search is where the document does not tell; a number is 0."""
ANY_DEVICE = "auto"


def is_as_asked(search: Document, policy: Policy) -> bool:
    """Return whether a search is one of those that the policy asks for; passes are looked at elsewhere."""
    return any(_has(search, asked) for asked in searches_of(policy.audit))


def is_the_usual_one(search: Document, policy: Policy) -> bool:
    """Return whether a search is the one that the policy asks for and rules are about if they name none."""
    at = usual_search(policy.audit)
    return at is not None and _has(search, searches_of(policy.audit)[at])


def not_as_asked(document: Document, policy: Policy) -> str:
    """Return that no search was measured as the policy asks, with what it asks for and what the searches have."""
    asked = searches_of(policy.audit)[usual_search(policy.audit) or 0]
    if not asked:
        return "the result has no search for the predicted class"
    has = "; ".join(dict.fromkeys(_words(_told(search, asked)) for search in asked_searches(document)))
    if has == _words(asked):
        return f"the result has no search for the predicted class with {has}"
    return f"no search of the result was measured as the policy asks, with {_words(asked)}; the result has {has}"


def _has(search: Document, asked: Settings) -> bool:
    return _told(search, asked) == asked


def _told(search: Document, asked: Settings) -> Settings:
    """What a search of the document has of the settings that are asked for."""
    return {key: search.get(FIELDS.get(key, key), USUAL.get(key, 0)) for key in asked}


def _words(settings: Settings) -> str:
    """Settings in words: "threshold 0.9, fill mean"."""
    return ", ".join(f"{key} {value}" for key, value in settings.items())


def weakness(document: Document, search: Document, policy: Policy, number: int | None = None) -> str:
    """Return why the evidence is not what the policy asks for: measured otherwise, or too little; empty if neither.

    `number` is that of the search, where a rule names it so.
    """
    return (
        _measured_otherwise(document, policy)
        or _searched_otherwise(search["search"], policy, number)
        or _controlled_otherwise(document["specification"], search["search"], policy)
        or "; ".join(
            [*_too_few(document, search["counts"], policy), *_too_few_passes(document, search["search"], policy)]
        )
    )


def _measured_otherwise(document: Document, policy: Policy) -> str:
    """What of the whole audit differs from what the policy asks."""
    specification = document["specification"]
    has = {**{name: specification.get(name) for name in ("seed", "sample")}, **specification["statistics"]}
    for name in ("seed", "sample", "alpha"):
        if name in policy.audit and has.get(name) != policy.audit[name]:
            asked, came = _in_words(name, policy.audit[name]), _in_words(name, has.get(name))
            return f"the policy asks for {name} {asked}, but the result was measured with {came}"
    device, ran_on = policy.audit.get("device", ANY_DEVICE), _device(document)
    if device not in {ANY_DEVICE, ran_on}:
        return f"the policy asks for the device {device}, but the result was measured on {ran_on}"
    return ""


def _in_words(name: str, value: Any) -> str:
    return "0 (all images)" if name == "sample" and value == 0 else str(value)


def _device(document: Document) -> str:
    return str(document.get("parameters", {}).get("device", "an unnamed device")).partition(":")[0]


def _searched_otherwise(search: Document, policy: Policy, number: int | None) -> str:
    """Return in what a search differs from what the policy asks; empty if in nothing.

    A search that a rule names by its number is compared with the one of that number, if the policy asks for several. A
    method without a budget finds subsets of other sizes than one with the budget that the policy asks for.
    """
    listed = searches_of(policy.audit)
    candidates = [listed[number]] if number is not None and len(listed) > 1 else listed
    if not any(_has(search, asked) for asked in candidates):
        asked, *_ = candidates
        key, has = next((key, has) for key, has in _told(search, asked).items() if has != asked[key])
        return f"the policy asks for {key} {asked[key]}, but this search was measured with {has}"
    if "passes" not in policy.audit or has_budget(search):
        return ""
    return (
        f"the policy asks for searches of {policy.audit['passes']} passes, so by {WITH_BUDGET}; the result searched by "
        f"{search['method']}"
    )


def _controlled_otherwise(specification: Document, search: Document, policy: Policy) -> str:
    """Which control ran on fewer images, or with fewer passes, than the policy asks. One that did not run is missing.

    A control without a budget of its own has that of the search. One of 0 images ran on all.
    """
    ran = {plan["control"]: plan for plan in specification.get("controls", ())}
    for name, images, passes in asked_controls(policy.audit):
        plan = ran.get(name, {})
        if 0 < plan.get("images", 0) < images:
            return f"the policy asks for {name} on {images} images, but it ran on {plan['images']} at most"
        if plan and (budget := plan.get("passes", 0) or search.get("passes", 0)) < passes:
            return f"the policy asks for {name} with {passes} passes, but it had {budget}"
    asked = policy.audit.get("pixel_subsets_method")
    if asked and PIXEL_SUBSETS in ran and (method := ran[PIXEL_SUBSETS].get("method") or WITH_BUDGET) != asked:
        return f"the policy asks for pixel_subsets by {asked}, but it searched by {method}"
    return ""


def _too_few(document: Document, counts: Document, policy: Policy) -> Iterator[str]:
    has = {"images": counts["images"] - counts["failed"], "eligible_images": counts["eligible"]}
    for name, number in has.items():
        least, different = policy.require.get(name, 0), distinct(document, number)
        if different < least:
            once = f", of which at least {different} are different pictures" if different < number else ""
            yield f"the policy requires {least} {name.replace('_', ' ')} in all, the result has {number}{once}"


def _too_few_passes(document: Document, search: Document, policy: Policy) -> Iterator[str]:
    if not policy.least_passes:
        return
    passes = passes_an_image(search, document["specification"].get("canvas"), most=policy.least_passes)
    if passes < policy.least_passes:
        asks = "requires" if policy.require.get("passes") == policy.least_passes else "asks in `audit` for"
        yield f"the policy {asks} {policy.least_passes} passes an image, the result has {passes}"
