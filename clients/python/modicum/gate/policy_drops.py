"""`max_drop` of a policy: another way to write the limit of the accuracy that a counterfactual set loses."""

from collections.abc import Iterator

from modicum.gate.marked_yaml import Mark, Marked, Path

MAX_DROP = "max_drop"
WRITTEN, MEANT = "counterfactual-accuracy", "counterfactual-accuracy-loss"
"""The rule in which it is written, and the one whose `max` it is."""


def drop_problems(marked: Marked) -> Iterator[tuple[Mark, str]]:
    """Yield what is wrong with each `max_drop` of a policy that has the right form."""
    rules = marked.value.get("rules", {})
    for name, given in rules.items():
        if isinstance(given, dict) and MAX_DROP in given:
            mark = marked.mark(("rules", name, MAX_DROP))
            if name != WRITTEN:
                yield mark, f"{MAX_DROP} is only for {WRITTEN}; remove it from {name}"
            elif MEANT in rules:
                yield mark, f"{MAX_DROP} is the max of {MEANT}, which the policy has, too; remove one of them"


def with_losses(marked: Marked) -> Marked:
    """Return the policy with each `max_drop` as the rule that it means. A limit beside it stays where it is."""
    rules = marked.value.get("rules", {})
    given = rules.get(WRITTEN)
    if not isinstance(given, dict) or MAX_DROP not in given:
        return marked
    kept = {key: value for key, value in given.items() if key != MAX_DROP}
    own = {key: value for key, value in kept.items() if key not in {"min", "max"}}
    changed = {name: value for name, value in rules.items() if name != WRITTEN or own != kept}
    changed |= {WRITTEN: kept} if own != kept else {}
    written: dict[Path, Path] = {
        ("rules", MEANT): ("rules", WRITTEN),
        ("rules", MEANT, "max"): ("rules", WRITTEN, MAX_DROP),
    }
    written |= {("rules", MEANT, key): ("rules", WRITTEN, key) for key in own}
    return Marked(
        marked.file,
        {**marked.value, "rules": {**changed, MEANT: {**own, "max": given[MAX_DROP]}}},
        {**marked.keys, **{place: marked.mark(source) for place, source in written.items()}},
        {**marked.values, **{place: marked.value_mark(source) for place, source in written.items()}},
    )
