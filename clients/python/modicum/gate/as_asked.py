"""Whether a result was measured as its policy asks, and whether the evidence reaches the policy's floors."""

from collections.abc import Mapping
from typing import Any

from modicum.gate.copies import distinct
from modicum.gate.policy import Policy
from modicum.gate.search_passes import WITH_BUDGET, has_budget, passes_an_image
from modicum.gate.searched import asked_searches

Document = Mapping[str, Any]
#: What of the audit a search of the document must have been measured with.
OF_A_SEARCH = ("threshold", "fill")
ANY_DEVICE = "auto"


def is_as_asked(search: Document, policy: Policy) -> bool:
    """Return whether a search was asked for with the policy's threshold and fill."""
    return all(search[name] == policy.audit[name] for name in OF_A_SEARCH if name in policy.audit)


def not_as_asked(document: Document, policy: Policy) -> str:
    """Return that no search was measured as the policy asks, with what it asks for and what the searches have."""
    asked = _settings(policy.audit, policy)
    if not asked:
        return "no search of the result was measured as the policy asks"
    has = "; ".join(dict.fromkeys(_settings(search, policy) for search in asked_searches(document)))
    return f"no search of the result was measured as the policy asks, with {asked}; the result has {has}"


def _settings(given: Document, policy: Policy) -> str:
    """The settings that a policy asks for, as `given` has them: "threshold 0.9, fill mean"."""
    return ", ".join(f"{name} {given[name]}" for name in OF_A_SEARCH if name in policy.audit)


def weakness(document: Document, search: Document, policy: Policy) -> str:
    """Return why the evidence is not what the policy asks for: measured otherwise, or too little; empty if neither."""
    return (
        _measured_otherwise(document, policy)
        or _searched_otherwise(search["search"], policy)
        or _controlled_otherwise(document["specification"], search["search"], policy)
        or _too_few(document, search["counts"], policy)
        or _too_few_passes(document, search["search"], policy)
    )


def _measured_otherwise(document: Document, policy: Policy) -> str:
    """What of the whole audit differs from what the policy asks."""
    specification = document["specification"]
    has = {**{name: specification.get(name) for name in ("seed", "sample")}, **specification["statistics"]}
    for name in ("seed", "sample", "alpha"):
        if name in policy.audit and has.get(name) != policy.audit[name]:
            return f"the policy asks for {name} {policy.audit[name]}, the result was measured with {has.get(name)}"
    device, ran_on = policy.audit.get("device", ANY_DEVICE), _device(document)
    if device not in {ANY_DEVICE, ran_on}:
        return f"the policy asks for the device {device}, the result was measured on {ran_on}"
    return ""


def _device(document: Document) -> str:
    return str(document.get("parameters", {}).get("device", "one that it does not tell")).partition(":")[0]


def _searched_otherwise(search: Document, policy: Policy) -> str:
    """Return in what a search differs from what the policy asks; empty if in nothing.

    It may differ where a rule names it by its number. A method without a budget finds subsets of other sizes than one
    with the budget that the policy asks for.
    """
    for name in OF_A_SEARCH:
        if name in policy.audit and search[name] != policy.audit[name]:
            return f"the policy asks for {name} {policy.audit[name]}, this search was measured with {search[name]}"
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
    for text in policy.audit.get("controls", ()):
        name, images, passes = asked_control(text)
        plan = ran.get(name, {})
        if 0 < plan.get("images", 0) < images:
            return f"the policy asks for {name} on {images} images, it ran on {plan['images']} at most"
        if plan and (budget := plan.get("passes", 0) or search.get("passes", 0)) < passes:
            return f"the policy asks for {name} with {passes} passes, it had {budget}"
    return ""


def asked_control(text: str) -> tuple[str, int, int]:
    """Return the control that NAME, NAME:IMAGES or NAME:IMAGES:PASSES names, its images and passes; 0 if not told."""
    name, *numbers = text.split(":")
    images, passes = [*map(int, numbers), 0, 0][:2]
    return name, images, passes


def _too_few(document: Document, counts: Document, policy: Policy) -> str:
    has = {"images": counts["images"] - counts["failed"], "eligible_images": counts["eligible"]}
    for name, number in has.items():
        least, different = policy.require.get(name, 0), distinct(document, number)
        if different < least:
            once = f", of which at least {different} are different pictures" if different < number else ""
            return f"the policy requires {least} {name.replace('_', ' ')}, the result has {number}{once}"
    return ""


def _too_few_passes(document: Document, search: Document, policy: Policy) -> str:
    if not policy.least_passes:
        return ""
    passes = passes_an_image(search, document["specification"].get("canvas"), most=policy.least_passes)
    if passes < policy.least_passes:
        return f"the policy requires {policy.least_passes} passes an image, the result has {passes}"
    return ""
