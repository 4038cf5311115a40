"""What `audit` of a policy asks for: searches in their order, controls, and what no audit can be. Judges nothing.

Names, defaults and the order of searches are those of `modicum audit`; tests compare them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modicum.gate.policy import Kind, Rule
from modicum.gate.search_passes import WITH_BUDGET

Audit = Mapping[str, Any]
Settings = Mapping[str, Any]
"""What is asked of one search, by the key of the policy."""
Found = tuple[str | int, ...], str
"""Where under `audit` something is wrong, and what."""
OF_A_SEARCH = ("threshold", "fill", "method", "pixels_per_step", "fraction", "target")
"""Keys that say what a search is, beside its budget."""
METHOD_OF_KEY = {"passes": WITH_BUDGET, "pixels_per_step": "batched_gradient", "fraction": "backselect"}
"""Keys that only one method takes."""
PREDICTED = "predicted"
PIXEL_SUBSETS = "pixel_subsets"
FEWEST_PASSES = {"class_targeted": 10, "fill_robust": 41, PIXEL_SUBSETS: 16}
"""The smallest budget of each control that searches by itself. Others take none."""
FEWEST_IMAGES = {"spot": 30}
"""The fewest images that a control can be asked to run on, where that is more than one."""


def searches_of(audit: Audit) -> list[Settings]:
    """Return what is asked of each search, in the order of their numbers: by target, and by threshold within it."""
    each = [
        {**audit, **target, **threshold} for target in _each(audit, "target") for threshold in _each(audit, "threshold")
    ]
    return [{key: one[key] for key in OF_A_SEARCH if key in one} for one in each]


def _each(audit: Audit, key: str) -> list[Settings]:
    """One mapping for each value of a key; an empty one where it is not given."""
    values = audit.get(key, [])
    return [{key: one} for one in (values if isinstance(values, list) else [values])] or [{}]


def usual_search(audit: Audit) -> int | None:
    """Return the number of the search that a rule is about unless it names another; None where there is none."""
    targets = (one.get("target", PREDICTED) for one in searches_of(audit))
    return next((at for at, target in enumerate(targets) if target == PREDICTED), None)


def asked_control(text: str) -> tuple[str, int, int]:
    """Return the control that NAME, NAME:IMAGES or NAME:IMAGES:PASSES names, its images and passes; 0 if not told."""
    name, *numbers = text.split(":")
    images, passes = [*map(int, numbers), 0, 0][:2]
    return name, images, passes


def asked_controls(audit: Audit) -> Iterator[tuple[str, int, int]]:
    """Yield each control that is asked for by its name, with its images and passes; 0 if not told."""
    yield from map(asked_control, audit.get("controls", ()))
    if PIXEL_SUBSETS in audit:
        yield PIXEL_SUBSETS, 0, audit[PIXEL_SUBSETS]


def impossible(audit: Audit) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what no audit can be: below `audit` the path of the part, and what is wrong."""
    method = audit.get("method", WITH_BUDGET)
    for key, owner in METHOD_OF_KEY.items():
        if key in audit and method != owner:
            way_out = "remove it or change the method"
            yield (key,), f"audit.{key} belongs to the method {owner}, but the method is {method}; {way_out}"
    for at, text in enumerate(audit.get("controls", ())):
        for problem in _of_a_control(text, audit["controls"][:at]):
            yield ("controls", at), f"audit.controls.{at}: {problem}"
    for problem in _of_pixel_subsets(audit):
        yield (PIXEL_SUBSETS,), f"audit.pixel_subsets: {problem}"
    if "pixel_subsets_method" in audit and PIXEL_SUBSETS not in audit:
        wanted = "needs pixel_subsets, the passes of that search; add it"
        yield ("pixel_subsets_method",), f"audit.pixel_subsets_method {wanted}"


def _of_a_control(text: str, before: Sequence[str]) -> Iterator[str]:
    name, images, passes = asked_control(text)
    if name in {asked_control(one)[0] for one in before}:
        yield f"{name} occurs twice; remove one of them"
    if passes and name not in FEWEST_PASSES:
        yield f"{name} does not search and takes no passes, got {passes}; write {name} or {name}:IMAGES"
    if too_few := _too_few_passes(name, passes):
        yield too_few
    if 0 < images < FEWEST_IMAGES.get(name, 0):
        yield f"expected 0 (all images) or {FEWEST_IMAGES[name]} or more images of {name}, got {images}"


def _too_few_passes(name: str, passes: int) -> str:
    fewest = FEWEST_PASSES.get(name, 0)
    if not 0 < passes < fewest:
        return ""
    of = "" if name == PIXEL_SUBSETS else f" passes of {name}"
    return f"expected 0 (the server chooses) or {fewest} or more{of}, got {passes}"


def _of_pixel_subsets(audit: Audit) -> Iterator[str]:
    if PIXEL_SUBSETS not in audit:
        return
    if too_few := _too_few_passes(PIXEL_SUBSETS, audit[PIXEL_SUBSETS]):
        yield too_few
    if PIXEL_SUBSETS in {asked_control(one)[0] for one in audit.get("controls", ())}:
        yield "pixel_subsets is under controls, too; remove one of them"
    if usual_search(audit) is None:
        yield "pixel_subsets needs a search for the predicted class; add predicted to the target"


def unsearched(audit: Audit, rules: Sequence[Rule]) -> str:
    """Return which rules are about a search that is not asked for; empty where there are none."""
    about = [rule.id for rule in rules if rule.search is None and not _of_an_ensemble(rule)]
    if usual_search(audit) is not None or not about:
        return ""
    one = len(about) == 1
    return (
        f"audit.target: {', '.join(about)} {'is' if one else 'are'} about the search for the predicted class; add "
        f"predicted, or give {'the rule its' if one else 'each rule a'} `search`"
    )


def _of_an_ensemble(rule: Rule) -> bool:
    return rule.known.kind is Kind.VERDICT and not (rule.known.is_spot or rule.known.is_review)


def beyond_searches(audit: Audit, rule: Rule) -> str:
    """Return that a rule names a search by a number that the policy's searches do not have; empty if it does not.

    Where the policy asks for one search, a result may still have others.
    """
    number = len(searches_of(audit))
    if rule.search is None or number == 1 or rule.search < number:
        return ""
    return f"{rule.id}.search: expected 0 to {number - 1}, the numbers of the searches under audit, got {rule.search}"
