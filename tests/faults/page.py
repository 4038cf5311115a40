"""Writes docs/reference/faults.md: one row per fault, from the tests that played it.

A row lists the seeds with which it passed. All seeds go when the row's definition changes; a failing seed goes.
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
HEADER = """# Faults that Modicum survives

Each row is a fault that the tests inject into real parts: API, worker, TorchServe and Postgres. After every fault they
check that

- every acknowledged audit exists once and reaches one final state in time,
- every item has one finding, and the result equals that of an undisturbed run to the bit,
- every watch moves forward and reaches the last state,
- a superseded attempt has written nothing,
- the database holds no leftover rows, and no process and no file is left behind,
- memory stays bounded,
- the audit of another project succeeds undisturbed and in its turn,
- an operator can see the fault in a log, a metric or the audit's reason. *How it is checked* lists the audit's final
  state and these signs. Undisturbed audits show none of them.

*Last run* shows what the seed chose and what happened; times are seconds from the end of the fault to the end of the
audit, on two busy cores. *Fails without* names the code that was removed to see the row fail. `make test-all` plays
every row, and `make soak` plays them at random. The seed chooses details such as the finding or the delay. A row lists
the seeds with which it passed. A change of the row drops all of its seeds; a failed run drops its own seed.

`pytest tests/faults --fault-seed N --write-faults-page` writes this page.

| fault | when | what happens | what the service does | how it is checked | last run | fails without | seeds |
|---|---|---|---|---|---|---|---|
"""
_NAME = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
_ROW = re.compile(
    r"^\| `(?P<name>\w+)` \|[^|]*\|[^|]*\|[^|]*\|[^|]*\| (?P<seen>[^|]*) \|[^|]*\| "
    r"(?P<seeds>[\d, ]*)<!-- (?P<digest>\w+) --> \|$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Entry:
    """What the page keeps of one fault: what the last run saw, and the seeds with which it passed."""

    seen: str = NOT_PLAYED
    seeds: tuple[int, ...] = ()


def names(path: Path = PAGE) -> Sequence[str]:
    """The faults on the page, in its order."""
    return _NAME.findall(_text(path))


def write(table: Sequence[Fault], fault: Fault, seed: int, seen: str | None, path: Path = PAGE) -> None:
    """Write the result of one fault to the page; `seen` is None if it failed. Rows of removed faults go."""
    entries = read(table, path)
    before = entries[fault.name]
    others = tuple(number for number in before.seeds if number != seed)
    green = Entry(seen or "", (*others, seed)[-SEEDS_KEPT:])
    entries[fault.name] = green if seen is not None else Entry(before.seen if others else NOT_PLAYED, others)
    path.write_text(HEADER + "\n".join(_line(each, entries[each.name]) for each in table) + "\n", encoding="utf-8")


def read(table: Sequence[Fault], path: Path = PAGE) -> dict[str, Entry]:
    """The page's entries for every fault of the table. An entry of a changed row is empty."""
    rows = {found["name"]: found for found in _ROW.finditer(_text(path))}
    entries = {}
    for fault in table:
        found = rows.get(fault.name)
        current = found is not None and found["digest"] == digest(fault)
        entries[fault.name] = Entry(found["seen"], _numbers(found["seeds"])) if found and current else Entry()
    return entries


def digest(fault: Fault) -> str:
    """Short digest of a row's definition: its text, when it strikes, what it does, what must be seen."""
    code = [inspect.getsource(each) for each in (fault.strike, fault.also) if each is not None]
    facts = (fault.when, fault.injected, fault.mechanism, fault.point, tuple(fault.stored), fault.submits)
    expected = (sorted(fault.states), [repr(sign) for sign in fault.signs])
    return hashlib.sha256(repr((facts, expected, code)).encode()).hexdigest()[:DIGEST_CHARACTERS]


def seen(trial: Trial) -> str:
    """The outcome of the trial, as text."""
    return "; ".join([f"{trial.audit.state} after {trial.took_seconds:.0f} s", *trial.notes]).replace("|", "/")


def _line(fault: Fault, entry: Entry) -> str:
    cells = (
        f"`{fault.name}`",
        fault.when,
        fault.injected,
        fault.mechanism,
        _checked(fault),
        entry.seen,
        fault.fails_without or "not tried",
    )
    return f"| {' | '.join(cells)} | {', '.join(map(str, entry.seeds))} <!-- {digest(fault)} --> |"


def _checked(fault: Fault) -> str:
    return "; ".join([" or ".join(sorted(fault.states)), *map(str, fault.signs)])


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _numbers(words: str) -> tuple[int, ...]:
    return tuple(int(word) for word in words.split(",") if word.strip())
