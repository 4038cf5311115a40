"""From the file `modicum.yaml` to a policy. What is wrong is said with its place, what was expected and what came."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path as FilePath
from typing import Any

from modicum.errors import InvalidArgument, PolicyError
from modicum.gate.asked_audit import beyond_searches, impossible, unsearched
from modicum.gate.catalogue import did_you_mean, known_rules
from modicum.gate.marked_yaml import Mark, Marked, Path, marked_yaml
from modicum.gate.policy import (
    Acceptance,
    BaselineKind,
    BaselineSource,
    Box,
    Inconclusive,
    Kind,
    KnownRule,
    Level,
    Moving,
    Policy,
    Rule,
    Waiver,
)
from modicum.gate.policy_drops import drop_problems, with_losses
from modicum.gate.policy_numbers import crossed, outside_range
from modicum.gate.presets import PRESETS
from modicum.gate.schemas import POLICY, came, expected_by, validator_of

LONGEST_WAIVER = timedelta(days=180)
MOST_BYTES = 1024 * 1024
GIVEN = "policy"
"""What messages call the file of a policy that was given as a dictionary."""
MOST_TOLD = 20
"""One message lists at most so many problems of a policy."""
LIMITS = ("max", "min", "max_regression", "min_ratio_to_baseline")
#: By a limit against the baseline, the rule that may have it.
WITH_BASELINE = {"max_regression": "accuracy", "min_ratio_to_baseline": "subset-fraction"}
#: By the kind of a rule, the limits that it may have, in words.
EXPECTED = {
    Kind.MEASURE: "a limit: max, min or max_regression",
    Kind.BASELINE: "the limit min_ratio_to_baseline",
    Kind.READING: "the outcomes that pass, in `expect`",
    Kind.VERDICT: "the outcomes that pass, in `expect`",
}

Problem = tuple[Mark, str]
"""What is wrong with a policy, and where."""


def read_policy(path: FilePath, *, today: date) -> Policy:
    """Return the policy in the file.

    Raises:
        PolicyError: it cannot be read, or is not a valid policy; every problem has a line of its own.
    """
    return policy_of(policy_text(path), str(path), today=today)


def policy_given(policy: object) -> tuple[str, str]:
    """Return the text of a policy, and what messages call its file. A dictionary becomes JSON, which is YAML too.

    Raises:
        PolicyError: the file cannot be read, is too long, or is not text; or the dictionary has other values than YAML.
        InvalidArgument: it is neither a path nor a dictionary.
    """
    if isinstance(policy, (str, FilePath)):
        return policy_text(FilePath(policy)), str(policy)
    if not isinstance(policy, Mapping):
        raise InvalidArgument(
            f"policy: expected the path of a policy's file, or a dictionary; got {type(policy).__name__}"
        )
    try:
        return json.dumps(dict(policy), indent=2, allow_nan=False, default=_day), GIVEN
    except (TypeError, ValueError, RecursionError) as error:
        raise PolicyError(f"policy: expected text, numbers, lists and dictionaries; {error}") from error


def _day(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"got {type(value).__name__}")


def policy_text(path: FilePath) -> str:
    """Return the text of the file.

    Raises:
        PolicyError: it cannot be read, is too long, or is not text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}; `modicum policy init` writes one") from error
    if len(data) > MOST_BYTES:
        raise PolicyError(f"{path}: expected a policy of at most {MOST_BYTES:,} bytes, got more")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: expected text in UTF-8; byte {error.start} is not") from error


def policy_of(text: str, file: str, *, today: date) -> Policy:
    """Return the policy that the text describes; `file` is what messages call it.

    Raises:
        PolicyError: it is not a valid policy.
    """
    marked = marked_yaml(text, file)
    if not isinstance(marked.value, dict):
        raise PolicyError(
            f"{marked.mark(())}: expected a mapping that begins with `version: 1`, got {came(marked.value)}"
        )
    _refuse(file, _form_problems(marked))
    _refuse(file, drop_problems(marked))
    marked = with_losses(marked)
    _refuse(file, _meaning_problems(marked, today))
    policy = _policy(marked, hashlib.sha256(text.encode()).hexdigest())
    _refuse(file, _search_problems(marked, policy))
    return policy


def _refuse(file: str, problems: Iterator[Problem]) -> None:
    different = _different(problems)
    first = list(itertools.islice(different, MOST_TOLD))
    found = sorted(first, key=lambda problem: (problem[0].line, problem[0].column, problem[1]))
    if found:
        more = [f"{file}: more is wrong; mend this first"] if next(different, None) else []
        raise PolicyError("\n".join([*(f"{mark}: {text}" for mark, text in found), *more]))


def _different(problems: Iterator[Problem]) -> Iterator[Problem]:
    """Yield each problem once: jsonschema tells of an entry with five missing keys five times."""
    seen: set[Problem] = set()
    for problem in problems:
        if problem not in seen:
            seen.add(problem)
            yield problem


def _form_problems(marked: Marked) -> Iterator[Problem]:
    for found in validator_of(POLICY).iter_errors(marked.value):
        yield from _form_problem(marked, tuple(found.absolute_path), found)


def _form_problem(marked: Marked, path: Path, error: Any) -> Iterator[Problem]:
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        for key in error.instance:
            if key not in known:
                yield marked.mark((*path, key)), f"unknown key {key!r}; {did_you_mean(key, known)}"
    elif error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        for name in missing:
            yield marked.mark(path), f"{_called(path)} has no {name!r}; add {_to_add(error.schema, name)}"
    else:
        expected, hint = expected_by(error), _hint(error)
        yield marked.value_mark(path), f"{_called(path)}: expected {expected}, got {came(error.instance)}{hint}"


def _to_add(schema: Mapping[str, Any], name: str) -> str:
    """The line to add where a key has one value, or else what the key is for."""
    known = schema["properties"][name]
    if "const" in known:
        return f"`{name}: {known['const']}`"
    return f"it: {known.get('description', name)}".rstrip(".")


def _called(path: Path) -> str:
    return ".".join(map(str, path)) or "the policy"


def _hint(error: Any) -> str:
    """What was probably meant: a whole number written as a fraction, a name without quotes, or the nearest control."""
    given = error.instance
    if error.validator == "type" and isinstance(given, float) and given.is_integer():
        return f"; write {given:.0f}"
    if error.validator == "type" and error.validator_value == "string" and isinstance(given, int | float):
        return f"; if it is a name, write it in quotes: '{came(given)}'"
    names = error.schema.get("examples", ()) if error.validator == "pattern" else ()
    return f"; {did_you_mean(given.partition(':')[0], names)}" if names else ""


def _meaning_problems(marked: Marked, today: date) -> Iterator[Problem]:
    policy = marked.value
    if not isinstance(policy["version"], int):  # JSON Schema takes 1.0 for 1
        yield marked.value_mark(("version",)), f"version: expected 1, got {policy['version']}; write 1"
    for path, problem in impossible(policy.get("audit", {})):
        yield marked.value_mark(("audit", *path)), problem
    for name, given in policy.get("rules", {}).items():
        yield from _rule_problems(marked, name, {"level": given} if isinstance(given, str) else given)
    for part in ("accept", "waivers"):
        for index, entry in enumerate(policy.get(part, ())):
            if entry["rule"] not in known_rules():
                hint = did_you_mean(entry["rule"], known_rules())
                yield marked.value_mark((part, index, "rule")), f"unknown rule {entry['rule']!r}; {hint}"
    for index, entry in enumerate(policy.get("waivers", ())):
        yield from _expiry_problems(marked, ("waivers", index, "expires"), entry["expires"], today)


def _search_problems(marked: Marked, policy: Policy) -> Iterator[Problem]:
    """Rules about a search that the policy does not ask for."""
    if problem := unsearched(policy.audit, policy.rules):
        yield marked.value_mark(("audit", "target")), problem
    for rule in policy.rules:
        if problem := beyond_searches(policy.audit, rule):
            yield marked.value_mark(("rules", rule.id, "search")), problem


def _rule_problems(marked: Marked, name: str, given: Mapping[str, Any]) -> Iterator[Problem]:
    path, known = ("rules", name), known_rules().get(name)
    if known is None:
        yield marked.mark(path), f"unknown rule {name!r}; {did_you_mean(name, known_rules())}"
        return
    limits = [limit for limit in LIMITS if limit in given]
    for limit in limits:
        yield from _limit_problems(marked, known, limit)
        if outside := outside_range(known, limit, given[limit]):
            yield marked.value_mark((*path, limit)), outside
    for problem in crossed(given):
        yield marked.value_mark((*path, "min")), f"{name}: {problem}"
    if known.kind in {Kind.MEASURE, Kind.BASELINE} and "expect" in given:
        yield marked.mark((*path, "expect")), f"{name} has no outcome; expected {EXPECTED[known.kind]}"
    if known.is_spot and "expect" in given:
        yield (
            marked.mark((*path, "expect")),
            (f"{name} takes no expect, because it passes where no small spot decides; remove it"),
        )
    if not known.is_spot and "min_assessed" in given:
        yield marked.mark((*path, "min_assessed")), f"{name} takes no min_assessed, which only spot has; remove it"
    if known.kind in {Kind.READING, Kind.VERDICT} and not known.is_spot and "classes" in given:
        yield marked.mark((*path, "classes")), f"{name} is a {known.kind} and takes no classes; remove it"
    if given.get("level", "error") != "off" and not _is_complete(marked.value, known, given):
        yield marked.mark(path), f"{name}: expected {EXPECTED[known.kind]}, but neither the rule nor the preset has it"


def _limit_problems(marked: Marked, known: KnownRule, limit: str) -> Iterator[Problem]:
    """What is wrong with a limit of a rule, if anything."""
    mark, of = marked.mark(("rules", known.id, limit)), WITH_BASELINE.get(limit)
    if known.is_spot:
        yield mark, f"spot takes no {limit}, because it passes where no small spot decides; remove it"
    elif known.kind in {Kind.READING, Kind.VERDICT}:
        yield mark, f"{known.id} is a {known.kind} and takes no {limit}; use `expect` or remove it"
    elif of is not None and known.id != of:
        yield mark, f"{limit} is only for {of}; remove it from {known.id}"
    elif of is None and known.kind is Kind.BASELINE:
        yield mark, f"{known.id} is only compared with the baseline and takes no {limit}; use min_ratio_to_baseline"
    elif of is not None and "baseline" not in marked.value:
        yield mark, f"{limit} needs `baseline: {{file: FILE.json}}`; add it or remove the limit"


def _is_complete(policy: Mapping[str, Any], known: KnownRule, given: Mapping[str, Any]) -> bool:
    """Return whether the rule, with what the preset's rule of this id adds, says what passes."""
    return known.is_spot or any(key in _merged(policy, known.id, given) for key in (*LIMITS, "expect"))


def _merged(policy: Mapping[str, Any], name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the rule with the preset's limits, where it gives none itself."""
    preset = PRESETS[policy.get("preset", "recommended")].get(name, {})
    own = any(key in given for key in (*LIMITS, "expect"))
    kept = {key: value for key, value in preset.items() if not own or key not in (*LIMITS, "expect")}
    return {**kept, **given}


def _expiry_problems(marked: Marked, path: Path, text: str, today: date) -> Iterator[Problem]:
    try:
        expires = date.fromisoformat(text)
    except ValueError:
        yield marked.value_mark(path), f"{_called(path)}: expected a day as YYYY-MM-DD, got {text!r}"
        return
    if expires > today + LONGEST_WAIVER:
        latest = f"at most {LONGEST_WAIVER.days} days ahead ({today + LONGEST_WAIVER})"
        yield marked.value_mark(path), f"{_called(path)}: expected a day {latest}, got {expires}"


def _policy(marked: Marked, digest: str) -> Policy:
    given = marked.value
    options: dict[str, Any] = {
        name: given[name] for name in ("audit", "require", "error_budget", "preset") if name in given
    }
    named = given.get("baseline", {})
    if "inconclusive" in given:
        options["inconclusive"] = Inconclusive(given["inconclusive"])
    return Policy(
        file=marked.file,
        digest=digest,
        baseline=next((BaselineSource(BaselineKind(kind), name) for kind, name in named.items()), None),
        rules=tuple(_rules(marked)),
        accept=tuple(_acceptance(marked, index, one) for index, one in enumerate(given.get("accept", ()))),
        waivers=tuple(_waiver(marked, index, one) for index, one in enumerate(given.get("waivers", ()))),
        audit_marks={key: marked.value_mark(("audit", key)) for key in given.get("audit", ())},
        **options,
    )


def _rules(marked: Marked) -> Iterator[Rule]:
    """The rules that are on, in the order of the catalogue."""
    policy = marked.value
    own = {
        name: _merged(policy, name, {"level": given} if isinstance(given, str) else given)
        for name, given in policy.get("rules", {}).items()
    }
    whole = {**PRESETS[policy.get("preset", "recommended")], **own}
    for name, known in known_rules().items():
        if name in whole:
            given = {**whole[name]}
            level = Level(given.pop("level", "error"))
            lists = {key: tuple(value) for key, value in given.items() if isinstance(value, list)}
            mark = marked.mark(("rules", name)) if name in own else None
            if level is not Level.OFF:
                shown_at = mark or marked.mark(("preset",))
                yield Rule(known=known, level=level, mark=mark, shown_at=shown_at, **{**given, **lists})


def _acceptance(marked: Marked, index: int, given: Mapping[str, Any]) -> Acceptance:
    mark = marked.value_mark(("accept", index))
    place = Box(**given["place"]) if isinstance(given["place"], dict) else Moving()
    return Acceptance(given["rule"], given["class"], place, given["reason"], given["owner"], mark)


def _waiver(marked: Marked, index: int, given: Mapping[str, Any]) -> Waiver:
    digest = given.get("model_digest")
    return Waiver(
        rule=given["rule"],
        reason=given["reason"],
        owner=given["owner"],
        expires=date.fromisoformat(given["expires"]),
        class_label=given.get("class"),
        model_digest=None if digest is None else digest.removeprefix("sha256:"),
        mark=marked.value_mark(("waivers", index)),
    )
