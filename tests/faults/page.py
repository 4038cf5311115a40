"""docs/reference/faults.md: one row a fault, written by the tests that played it, seed by seed.

A seed stands for what the row says now: it goes when the row's definition changes, or when it is red.
"""

import hashlib
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.fault import Fault, Trial

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"
SEEDS_KEPT = 6
NOT_PLAYED = "not played yet"
DIGEST_CHARACTERS = 8
HEADER = """# What it survives

`pytest tests/faults --fault-seed N --write-faults-page` writes this page. It plays each fault on real parts: API,
worker, TorchServe, Postgres. After each it checks ten things:

- there is one audit, and it reaches one terminal state in time;
- every item is there once, and its result equals that of an undisturbed run to the bit;
- watches only grow;
- no superseded attempt has written;
- nothing is left in the database;
- no process and no file is left behind;
- memory stays bounded;
- another project's audit is undisturbed, and is served in its turn;
- the operator sees the fault by the signs that the row names;
- an undisturbed audit shows none of these signs.

*Quick* rows are part of `make test`, *long* ones of `make test-all`; `make soak` plays all of them at random. The
seed decides what is drawn, such as which finding and which delay. A row names the seeds with which it was green as it
is now. A change of the row drops its seeds; a red run drops its own. *Seen to fail* says how the row was seen red.
Times are seconds from the fault's end to the audit's, on two busy cores.

| fault | where it strikes | injected | seen | survived by | seen to fail | played | green with seeds |
|---|---|---|---|---|---|---|---|
"""
_NAME = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
_ROW = re.compile(
    r"^\| `(?P<name>\w+)` \|[^|]*\|[^|]*\| (?P<seen>[^|]*) \|[^|]*\|[^|]*\|[^|]*\| "
    r"(?P<seeds>[\d, ]*)<!-- (?P<digest>\w+) --> \|$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Entry:
    """What the page keeps of one fault: what was seen last, and the seeds with which it was green."""

    seen: str = NOT_PLAYED
    seeds: tuple[int, ...] = ()


def names() -> Sequence[str]:
    """The faults that the page lists, in its order."""
    return _NAME.findall(_text())


def write(table: Sequence[Fault], fault: Fault, seed: int, seen: str | None) -> None:
    """Put what was seen of one fault on the page, None if it was red; rows that are in the table no more go."""
    entries = read(table)
    before = entries[fault.name]
    others = tuple(number for number in before.seeds if number != seed)
    green = Entry(seen or "", (*others, seed)[-SEEDS_KEPT:])
    entries[fault.name] = green if seen is not None else Entry(before.seen if others else NOT_PLAYED, others)
    PAGE.write_text(HEADER + "\n".join(_line(each, entries[each.name]) for each in table) + "\n", encoding="utf-8")


def read(table: Sequence[Fault]) -> dict[str, Entry]:
    """What the page says of every fault of the table, as far as it was seen of the row as it is now."""
    rows = {found["name"]: found for found in _ROW.finditer(_text())}
    entries = {}
    for fault in table:
        found = rows.get(fault.name)
        current = found is not None and found["digest"] == digest(fault)
        entries[fault.name] = Entry(found["seen"], _numbers(found["seeds"])) if found and current else Entry()
    return entries


def digest(fault: Fault) -> str:
    """Short digest of a row's definition: its words, where it strikes, what it does, what must be seen."""
    code = [inspect.getsource(each) for each in (fault.strike, fault.also) if each is not None]
    facts = (fault.where, fault.injected, fault.mechanism, fault.point, tuple(fault.stored), fault.submits)
    expected = (sorted(fault.states), [repr(sign) for sign in fault.signs])
    return hashlib.sha256(repr((facts, expected, code)).encode()).hexdigest()[:DIGEST_CHARACTERS]


def seen(trial: Trial) -> str:
    """What came of the fault, in words."""
    end = f"{trial.audit.state} after {trial.took_seconds:.0f} s"
    words = [end, *trial.notes, *(str(sign) for sign in trial.fault.signs)]
    return "; ".join(words).replace("|", "/")


def _line(fault: Fault, entry: Entry) -> str:
    played, failed = "quick" if fault.quick else "long", fault.seen_to_fail or "not tried"
    cells = (f"`{fault.name}`", fault.where, fault.injected, entry.seen, fault.mechanism, failed, played)
    return f"| {' | '.join(cells)} | {', '.join(map(str, entry.seeds))} <!-- {digest(fault)} --> |"


def _text() -> str:
    return PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""


def _numbers(words: str) -> tuple[int, ...]:
    return tuple(int(word) for word in words.split(",") if word.strip())
