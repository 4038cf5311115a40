"""The attack's budgets and tables in Markdown: pure functions of the results."""

from collections.abc import Iterator
from typing import Any

from benchmarks.tables import met, table

#: The API may take this much more under the attack than before it.
MOST_MIB = 512
#: The other team's slowest kind of call, at p99.
MOST_MS = 1000
WHEN = ("without", "under attack")
CALL_HEAD = ("call", *(f"{when}, {figure}" for when in WHEN for figure in ("calls", "median", "p99")))


def budgets(part: dict[str, Any] | None) -> Iterator[tuple[str, ...]]:
    """Budgets: the memory that the attack takes, and the other team's calls that it slows or makes fail."""
    if part is None:
        return
    memory = part["memory_mib"]
    taken = memory["peak"] - memory["before"]
    yield (
        "memory of the API that an attack takes",
        f"at most {MOST_MIB} MiB",
        f"{taken:.0f} MiB",
        met(taken <= MOST_MIB),
    )
    during = part["calls"]["under attack"]
    slowest = max(during, key=lambda call: during[call]["p99_ms"])
    p99 = during[slowest]["p99_ms"]
    yield (
        "p99 of another team's slowest kind of call under the attack",
        f"at most {MOST_MS:,} ms",
        f"{p99:.0f} ms ({slowest})",
        met(p99 <= MOST_MS),
    )
    failed = sum(part["failures"]["under attack"].values())
    calls = failed + sum(figures["calls"] for figures in during.values())
    yield "calls of another team that fail under the attack", "none", f"{failed} of {calls:,}", met(failed == 0)


def attack(part: dict[str, Any]) -> Iterator[str]:
    """What the attack was, what it met, what it took, and what it did to another team's calls."""
    sizes, seconds = part["sizes"], part["seconds"]
    yield (
        "A caller with an auditor's and a viewer's token of one project attacks a server with default settings "
        f"behind TLS, on loopback, for {seconds['during']:g} s. The attack has {sizes['silent']:,} connections to each "
        f"port that begin a handshake and then send nothing, {sizes['bodies']} REST requests whose body of 4 MB never "
        f"ends, {sizes['watches']:,} watches by the viewer on ten connections, {sizes['downloads']} downloads of "
        f"32 MiB that are never read, {sizes['guesses']} guessers of tokens, and {sizes['calls']} callers that list "
        "audits. Each part that is refused or ended begins again after 5 s. The attackers share the server's cores, "
        "with the lowest priority, because a real attacker has a machine of its own.\n"
    )
    yield "Another team makes calls, one after another. The time of a call ends with its reply:\n"
    yield from table(CALL_HEAD, call_rows(part))
    memory = part["memory_mib"]
    yield (
        f"The resident memory of the API was {memory['before']:.0f} MiB before the attack, at most "
        f"{memory['peak']:.0f} MiB during it, and {memory['after']:.0f} MiB {seconds['after']:g} s after it.\n"
    )
    yield "This table shows how often each part of the attack began, and how it was ended or refused:\n"
    yield from table(("part", "begun", "ended or refused with"), met_rows(part["met"]))
    yield (
        "Each part of the attack was also run by itself, against a server of its own (`python -m benchmarks.attack "
        "PART`). The times are those of the other team's calls, as above:\n"
    )
    methods = tuple(part["calls"]["without"])
    yield from table(
        ("part", *(f"{method}, {figure}" for method in methods for figure in ("median", "p99")), "memory taken"),
        _alone(part["alone"], methods),
    )


def call_rows(part: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row for each kind of call: how many there were and how long they took, without and under attack."""
    for method in part["calls"]["without"]:
        cells = []
        for when in WHEN:
            figures = part["calls"][when].get(method, {"calls": 0, "p50_ms": None, "p99_ms": None})
            cells += [f"{figures['calls']:,}", *(milliseconds(figures[name]) for name in ("p50_ms", "p99_ms"))]
        yield method, *cells


def _alone(parts: dict[str, Any], methods: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, part in parts.items():
        calls, memory = part["calls"]["under attack"], part["memory_mib"]
        figures = [
            milliseconds(calls[method][figure] if method in calls else None)
            for method in methods
            for figure in ("p50_ms", "p99_ms")
        ]
        yield name, *figures, f"{memory['peak'] - memory['before']:.0f} MiB"


def milliseconds(value: float | None) -> str:
    """A time as the page shows it, or nothing."""
    return "" if value is None else f"{value:,.1f} ms"


def met_rows(met_by_part: dict[str, dict[str, int]]) -> Iterator[tuple[str, ...]]:
    """A row for each part of the attack: how often it began, and how it ended."""
    for part, outcomes in sorted(met_by_part.items()):
        others = ((name, count) for name, count in sorted(outcomes.items()) if name != "begun")
        yield part, f"{outcomes['begun']:,}", ", ".join(f"{name}: {count:,}" for name, count in others) or "nothing"
