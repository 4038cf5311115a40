"""What a policy excuses: failures by a waiver, and places by a person who holds them for evidence. Judges nothing.

A verdict names each waiver and each `accept` that excuses nothing, and says why. Often a name in it is misspelt, so the
failure that it was written for is not excused.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from modicum.gate.catalogue import did_you_mean
from modicum.gate.policy import ALL_TOGETHER, MOVING, Acceptance, Box, Policy, Rule, Waiver
from modicum.gate.spots import accepting, has_moving_place
from modicum.gate.verdict import Check, RuleVerdict, class_words

Document = Mapping[str, Any]
SOON = timedelta(days=14)
"""A waiver that expires within this time gets a warning."""


@dataclass(frozen=True, slots=True)
class Excuses:
    """The waivers that have not expired, and the digests of the versions that they may name."""

    waivers: Sequence[Waiver]
    digests: Mapping[str, str]

    def of(self, rule: Rule, check: Check) -> Waiver | None:
        """Return the first waiver of a failing check."""
        return next((one for one in self.waivers if _is_about(one, rule, check, self.digests)), None)


def excuses_of(policy: Policy, document: Document, today: date) -> Excuses:
    """Return what a policy may excuse on a day."""
    waivers = [waiver for waiver in policy.waivers if waiver.expires >= today]
    return Excuses(waivers, {model["model_version"]: model["digest"] for model in document["models"]})


def _is_about(waiver: Waiver, rule: Rule, check: Check, digests: Mapping[str, str]) -> bool:
    of_class = waiver.class_label in {None, check.class_label, check.subject}
    return waiver.rule == rule.id and of_class and waiver.model_digest in {None, digests.get(check.model_version)}


def waived_words(waiver: Waiver) -> str:
    """Return what is said of a failure that a waiver covers."""
    return f"waived by {waiver.owner} until {waiver.expires}: {waiver.reason}"


def expired_waivers(policy: Policy, today: date) -> tuple[str, ...]:
    """Return the waivers that have expired, in words; each is a violation."""
    return tuple(
        f"{waiver.mark}: {_called(waiver)} expired on {waiver.expires}; fix the model, or renew the waiver"
        for waiver in policy.waivers
        if waiver.expires < today
    )


def waivers_that_expire_soon(policy: Policy, today: date) -> Iterator[str]:
    """Yield the waivers that expire within `SOON`, in words."""
    for waiver in policy.waivers:
        if today <= waiver.expires <= today + SOON:
            yield (
                f"{waiver.mark}: {_called(waiver)} expires on {waiver.expires}; from the next day on the failure "
                "counts; fix the model, or renew the waiver"
            )


def idle_excuses(policy: Policy, document: Document, judged: Sequence[RuleVerdict], excuses: Excuses) -> Iterator[str]:
    """Yield each `accept` and each waiver that has not expired and that excuses nothing, with the reason."""
    at_work = accepting(document, policy.accept)
    for accept in policy.accept:
        if accept not in at_work:
            yield _idle(f"{accept.mark}: {_called(accept)}", _why_not_accepted(accept, document))
    waived = [(one.rule, check) for one in judged for check in one.checks if check.waived]
    for waiver in excuses.waivers:
        if not any(excuses.of(rule, check) is waiver for rule, check in waived):
            why = _why_not_waived(waiver, document, judged, excuses.digests)
            yield _idle(f"{waiver.mark}: {_called(waiver)}", why)


def _idle(called: str, why: str) -> str:
    return f"{called} excuses nothing: {why}; correct or remove it"


def _called(one: Waiver | Acceptance) -> str:
    kind = "waiver" if isinstance(one, Waiver) else "accept"
    about = f" for {class_words(one.class_label)}" if one.class_label else ""
    return f"the {kind} of {one.rule}{about} by {one.owner}"


def _why_not_accepted(accept: Acceptance, document: Document) -> str:
    if unknown := _unknown_class(accept.class_label, document, ()):
        return unknown
    called = class_words(accept.class_label)
    if not isinstance(accept.place, Box):
        return f"no place that was chosen for each picture was tested for {called}"
    canvas = document["specification"].get("canvas")
    if canvas is not None and not _lies_on(accept.place, canvas):
        return f"its place lies outside the canvas of {canvas['height']}x{canvas['width']} pixels"
    moving = has_moving_place(document, accept.class_label)
    only = f" (one that is chosen for each picture lies in no box; `place: {MOVING}` accepts it)" if moving else ""
    return f"no place that was tested for {called} lies inside it{only}"


def boxes_of_the_canvas(policy: Policy, document: Document) -> Iterator[str]:
    """Yield each `accept` whose box holds the whole canvas: whoever reads the verdict must see how much it excuses."""
    canvas = document["specification"].get("canvas")
    for accept in policy.accept if canvas is not None else ():
        whole = {"kind": "WINDOW", "top": 0, "left": 0, **canvas}
        if isinstance(accept.place, Box) and accept.place.holds(whole):
            called = f"{accept.mark}: {_called(accept)}"
            yield f"{called} holds the whole canvas, so it excuses every place at one position; draw a smaller box"


def _lies_on(box: Box, canvas: Document) -> bool:
    return box.top < int(canvas["height"]) and box.left < int(canvas["width"])


def _why_not_waived(
    waiver: Waiver, document: Document, judged: Sequence[RuleVerdict], digests: Mapping[str, str]
) -> str:
    checks = [check for one in judged if one.rule.id == waiver.rule for check in one.checks]
    if not checks:
        return f"no rule {waiver.rule} was judged"
    if waiver.model_digest is not None and waiver.model_digest not in digests.values():
        return f"the result has no version with the digest {waiver.model_digest}"
    if waiver.class_label and (unknown := _unknown_class(waiver.class_label, document, checks)):
        return unknown
    return "the check that it excuses does not fail"


def _unknown_class(label: str, document: Document, checks: Iterable[Check]) -> str:
    """That a result knows no class of a name, and which was probably meant; empty where it does."""
    named = [name for model in document["models"] for name in model.get("class_labels", ())]
    tested = [row["label"] for test in document.get("spots", ()) for row in test["rows"]]
    judged = [name for check in checks if check.judgeable for name in (check.class_label, check.subject)]
    known = {*named, *tested, *judged, ALL_TOGETHER} - {""}
    return "" if label in known else f"the result has no {class_words(label)} ({did_you_mean(label, known)})"
