"""How much a policy may hold: what people write has room, and what takes long to refuse is refused early."""

import pytest
import yaml
from modicum.gate.marked_yaml import MOST_LEVELS, MOST_VALUES, marked_yaml
from modicum.gate.policy_file import MOST_TOLD, policy_of
from modicum.gate.schemas import POLICY, validator_of

from tests.gate.policies import TODAY, refused

PLACE = "{height: 8, width: 8, top: 0, left: 0}"
FULL = "version: 1\npreset: strict\n" + "".join(
    [
        "accept:\n",
        *(f"- {{rule: spot, class: class {n}, place: {PLACE}, reason: r, owner: o}}\n" for n in range(100)),
        "waivers:\n",
        *(
            f"- {{rule: spot, class: class {n}, model_digest: {n:064x}, reason: r, owner: o, expires: 2027-01-01}}\n"
            for n in range(100)
        ),
    ]
)
TEXTS = {
    "nothing": "",
    "kinds": "a: [1, 1.5, true, null, ~, off, '1', \"x\\n\", -]\nb: {c: x, d: 2026-01-01}\ne:\nf: g\n",
    "blocks": "# words\na:\n- b: |\n    text\n    more\n  c: >-\n    folded\n    text\n-   - 1\n    - 2\n'd': e\n",
    "accents": "größe: „weiß“ \N{GRINNING FACE}\nb: 1\n",
    "full": FULL,
}


def test_a_hundred_classes_may_each_have_a_waiver_and_an_accepted_place():
    full = policy_of(FULL, "modicum.yaml", today=TODAY)

    assert (len(full.accept), len(full.waivers)) == (100, 100)


def test_a_policy_of_too_many_values_is_refused_at_the_first_that_is_too_many():
    room = MOST_VALUES - 5  # beside them: the mapping, version and 1, x and its list

    assert refused(f"x: [{'a,' * room}]").startswith("modicum.yaml:2:1: unknown key 'x'")
    said = refused(f"x: [{'a,' * room}a]")
    assert said == (
        f"modicum.yaml:2:{5 + 2 * room}: expected at most {MOST_VALUES:,} keys and values in a policy, got more"
    )


def test_a_policy_of_too_many_levels_is_refused():
    deep = MOST_LEVELS - 1

    assert refused(f"x: {'[' * deep}{']' * deep}").startswith("modicum.yaml:2:1: unknown key 'x'")
    assert "nested too deeply" in refused(f"x: {'[' * (deep + 1)}")


def test_what_is_wrong_beyond_a_number_is_not_told():
    *told, last = refused("accept: [" + "{}," * 3000 + "]").splitlines()

    assert len(told) == MOST_TOLD
    assert last == "modicum.yaml: more is wrong; mend this first"
    assert len(refused("accept: [" + "a," * MOST_TOLD + "]").splitlines()) == MOST_TOLD


class Compared(str):
    """A text that counts how often it is compared."""

    __slots__ = ()
    times = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return str.__eq__(self, other)


def test_a_list_is_searched_for_what_stands_twice_in_few_comparisons(monkeypatch):
    """One number among texts: they have no order."""
    monkeypatch.setattr(Compared, "times", 0)
    mixed = {"version": 1, "audit": {"target": [1, *(Compared(f"a{n}") for n in range(1000))]}}

    assert list(validator_of(POLICY).iter_errors(mixed))
    assert Compared.times < 20_000


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_an_installation_without_the_loader_in_c_reads_the_same(text, monkeypatch):
    with_c = marked_yaml(text, "modicum.yaml")
    monkeypatch.delattr(yaml, "CBaseLoader")

    assert marked_yaml(text, "modicum.yaml") == with_c
