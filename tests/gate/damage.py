"""Damage to documents: each part of real ones is deleted, emptied or replaced. Says what a command makes of it.

`python -m tests.gate.damage [EVERY] [NAME ...]` tries each EVERYth damage of the documents of these names; of all by
default.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from modicum.cli.documents import refusing_parts
from modicum.errors import ModicumError
from modicum.gate.baseline_file import baseline_document, baseline_side
from modicum.gate.catalogue import known_rules
from modicum.gate.json_documents import json_document
from modicum.gate.judging import judge
from modicum.gate.planning import planned
from modicum.gate.policy import Kind
from modicum.gate.policy_file import policy_of
from modicum.gate.recount import first_difference
from modicum.gate.rendering.forms import FORMS
from modicum.gate.result_form import refuse_damaged_baseline, refuse_damaged_result
from modicum.gate.schemas import VERDICT, refuse_other_form

from tests.gate import test_class_rules, test_ensembles
from tests.gate.documents import CLEAN, TODAY, document, image, place, row, share, verdict, with_rows
from tests.gate.made import Made
from tests.gate.server_documents import CATS, EVERYONE, every_outcome, reported, served, trial
from tests.gate.test_review_rule import review
from tests.gate.test_worst_spot import pictured

DELETED = object()
DAMAGES = {
    "deleted": DELETED,
    "null": None,
    "text": "x",
    "negative": -1,
    "zero": 0,
    "fraction": 0.5,
    "huge": 10**300,
    "true": True,
    "empty list": [],
    "empty mapping": {},
    "mapping of text": {"x": "y"},
    "list of null": [None],
}
MISSING = frozenset({"deleted", "null", "empty list", "empty mapping"})
"""Damages that only take data away."""
ALIKE = 2
"""Of entries of one list, and of keys in digits, so many are damaged: the others have the same form."""
OF_A_LIST = 2
"""Names in the path of an entry of a list that is a part of the document."""
MOST_READ = 500
"""Characters of a message that somebody reads."""
Path = tuple[str | int, ...]


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Each part of a document, leaves and subtrees, without most of what has the same form."""
    if path:
        yield path
    if isinstance(value, dict):
        digits = [name for name in value if name.isdigit()]
        for name in value:
            if name not in digits[ALIKE:]:
                yield from paths(value[name], (*path, name))
    elif isinstance(value, list):
        for at in sorted({*range(min(ALIKE, len(value))), *range(len(value))[-1:]}):
            yield from paths(value[at], (*path, at))


def damaged(text: str, path: Path, damage: Any) -> bytes:
    """The document in a text, with one part damaged."""
    found = part = json.loads(text)
    *above, last = path
    for name in above:
        part = part[name]
    if damage is DELETED:
        del part[last]
    else:
        part[last] = damage
    return json.dumps(found).encode()


def every_rule() -> str:
    """Rules of a policy that names every measure, by class, and every outcome, but none of a counterfactual set."""
    rules = []
    for one in known_rules().values():
        if one.is_spot or "counterfactual" in {one.name, one.part.removesuffix("s")}:
            continue
        if one.kind is Kind.MEASURE and "accuracy" not in one.name:
            low, high = one.range
            limit = f"{{level: warn, max: {high or 0.9}, min: {low or 0}, classes: all}}"
            rules.append(f"  {one.id}: {limit}")
        elif one.outcomes:
            rules.append(f"  {one.id}: {{level: error, expect: [{one.outcomes[0]}]}}")
    return "rules:\n  spot: error\n" + "\n".join(rules)


AT_ANOTHER_LEVEL = f"preset: strict\naudit: {{level: 0.9}}\nrequire: {{passes: 200, images: 20}}\n{every_rule()}"
AS_IT_IS = f"preset: report-only\naudit: {{controls: [spot, random:10]}}\n{every_rule()}\n  accuracy: {{min: 0.5}}"
OF_PAIRS = """  counterfactual: {expect: [ACCURACY_HOLDS]}
  counterfactual-changed-share: {max: 0.5, classes: all}"""
SPOTS = """preset: strict
rules: {spot: {level: error, classes: all}}
accept:
- {rule: spot, class: cat, place: {top: 0, left: 0, height: 9, width: 9}, reason: it is the lesion, owner: us}
- {rule: spot, class: dog, place: moving, reason: it moves, owner: us}
waivers: [{rule: spot, class: dog, reason: soon, owner: us, expires: 2026-12-01}]"""
COMPARED = """baseline: {file: main.json}
preset: report-only
rules:
  accuracy: {max_regression: 0.02, min: 0.5, classes: all}
  subset-fraction: {min_ratio_to_baseline: 0.8, classes: all}"""
WIDER = "preset: report-only\naudit: {alpha: 0.3}\nrules: {overinterpretation-rate: {max: 0.5, classes: all}}"


def with_margins(**more: Any) -> dict[str, Any]:
    """A report of images that a baseline is compared with."""
    return with_rows([image(at, label=at % 2, predicted=at % 2, size=5 + at % 9) for at in range(30)], **more)


def baseline() -> dict[str, Any]:
    """The file of a baseline."""
    return baseline_document(baseline_side(with_margins()), reason="the first")


@dataclass(frozen=True)
class Case:
    """A document, and what is done with it: judged by a policy, planned, compared with, or rendered."""

    document: dict[str, Any]
    policy: str = ""
    use: str = "judge"

    @cached_property
    def text(self) -> str:
        return json.dumps(self.document)

    def outcomes(self, data: bytes) -> dict[str, str]:
        """The outcome of each rule and of all; nothing where the document is refused.

        Raises:
            Exception: a bug, which the command ends with 3.
        """
        try:
            return getattr(self, f"_{self.use}")(json_document(data, "it.json", called="a document"))
        except ModicumError as error:
            if len(str(error)) > MOST_READ:
                raise ValueError(f"a message of {len(str(error))} characters") from error
            return {}

    @cached_property
    def _policy(self) -> Any:
        return policy_of(f"version: 1\n{self.policy}\n", "modicum.yaml", today=TODAY)

    def _judge(self, found: Any) -> dict[str, str]:
        refuse_damaged_result(found, "it.json")
        beside = with_margins() if self._policy.baseline else None
        with refusing_parts("it.json"):
            if first_difference(found):
                return {}
            given = judge(found, self._policy, today=TODAY, baseline=beside)
        self._render(given.as_json())
        return {"": str(given.outcome), **{one.rule.id: str(one.outcome) for one in given.rules}}

    def _plan(self, found: Any) -> dict[str, str]:
        refuse_damaged_result(found, "it.json")
        with refusing_parts("it.json"):
            planned(found, self._policy, today=TODAY)
        return {"": "PLANNED"}

    def _beside(self, found: Any) -> dict[str, str]:
        refuse_damaged_baseline(found, "it.json")
        given = judge(with_margins(), self._policy, today=TODAY, baseline=found)
        return {"": str(given.outcome), **{one.rule.id: str(one.outcome) for one in given.rules}}

    def _render(self, found: Any) -> dict[str, str]:
        refuse_other_form(found, VERDICT, source="it.json", called="verdict")
        for form in FORMS.values():
            form(found)
        return {"": "RENDERED"}


def _with_objects(found: dict[str, Any]) -> dict[str, Any]:
    """The same result of images with boxes: without any, rules about objects are refused."""
    found["dataset"]["with_boxes"] = found["dataset"]["audited"]
    return found


@cache
def _rows() -> dict[str, Any]:
    return reported(every_outcome())


@cache
def _spots() -> dict[str, Any]:
    return served(trial(EVERYONE[:CATS], follow=True))[0]


@cache
def _open_spots() -> dict[str, Any]:
    return document(spots=(CLEAN[0], row(0, place((6, 6)), label="cat"), CLEAN[2]), spot_pictures=[pictured("cat")])


@cache
def _ensemble() -> dict[str, Any]:
    return _with_objects(test_ensembles.result(test_ensembles.LARGER, count=60))


@cache
def _ring() -> dict[str, Any]:
    return _with_objects(test_class_rules.filled(lambda at: at < 40))


def _reviews() -> dict[str, Any]:
    return document({"accuracy": share(60, 100)}, reviews=[review("SEEN"), review("CONFIRMED")])


CASES = Made(
    {
        "rows": lambda: Case(_rows(), AS_IT_IS),
        "rows at another level": lambda: Case(_rows(), AT_ANOTHER_LEVEL),
        "rows at another alpha": lambda: Case(_rows(), WIDER),
        "spots": lambda: Case(_spots(), SPOTS),
        "open spots": lambda: Case(_open_spots(), SPOTS),
        "ensemble": lambda: Case(_ensemble(), AS_IT_IS),
        "ensemble at another level": lambda: Case(_ensemble(), AT_ANOTHER_LEVEL),
        "pairs": lambda: Case(_with_objects(test_class_rules.scored(lambda at: at < 110)), AS_IT_IS),
        "counterfactuals": lambda: Case(
            _with_objects(test_class_rules.paired(lambda at: at < 40)), f"{AS_IT_IS}\n{OF_PAIRS}"
        ),
        "ring": lambda: Case(_ring(), "preset: strict"),
        "ring by itself": lambda: Case(_ring(), AS_IT_IS),
        "reviews": lambda: Case(_reviews(), "rules: {spot: off, review: {expect: [SEEN]}, accuracy: {min: 0.5}}"),
        "result beside a baseline": lambda: Case(with_margins(), COMPARED),
        "baseline": lambda: Case(baseline(), COMPARED, "beside"),
        "result as a baseline": lambda: Case(with_margins(), COMPARED, "beside"),
        "plan": lambda: Case(_ring(), "preset: strict", "plan"),
        "plan of spots": lambda: Case(_spots(), SPOTS, "plan"),
        "verdict": lambda: Case(verdict(SPOTS, _open_spots()).as_json(), use="render"),
    }
)


def trials(case: Case) -> list[tuple[Path, str]]:
    """Every damage of a case's document."""
    return [(path, name) for path in paths(case.document) for name in DAMAGES]


def complaint(case: Case, path: Path, name: str, whole: dict[str, str]) -> str:
    """What is wrong with what comes of a damage; empty if nothing. `whole` are the outcomes without it."""
    try:
        found = case.outcomes(damaged(case.text, path, DAMAGES[name]))
    except Exception as error:  # noqa: BLE001  # what the command ends with 3 for
        return f"{type(error).__name__}: {error}"
    if path[0] == "reviews" and len(path) <= OF_A_LIST:
        return ""  # a report of another day has other reviews, and nothing tells how many there are
    better = [rule for rule, outcome in found.items() if outcome == "PASS" and whole.get(rule, "PASS") != "PASS"]
    return f"PASS of {better or 'all'}" if better and name in MISSING else ""


def main(every: int, names: list[str]) -> None:
    """Print what is wrong with what comes of each EVERYth damage."""
    for title in names or CASES:
        case = CASES[title]
        whole, counted = case.outcomes(case.text.encode()), Counter()
        for path, name in trials(case)[::every]:
            said = complaint(case, path, name, whole)
            counted["wrong" if said else "right"] += 1
            if said:
                say(f"{title}: {'.'.join(map(str, path))} {name}: {said[:MOST_READ]}")
        say(f"{title}: {dict(counted)}; undamaged: {dict(Counter(whole.values()))}")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1, sys.argv[2:])
