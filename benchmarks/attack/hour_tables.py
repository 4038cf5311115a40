"""The long attack's budgets and tables in Markdown: pure functions of the results."""

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.attack.hour_turns import BEFORE, MINUTE_SECONDS, QUIET
from benchmarks.attack.tables import CALL_HEAD, MOST_MIB, MOST_MS, call_rows, met_rows, milliseconds
from benchmarks.tables import met, table

#: Each API process may keep this much more in the last quiet minute than it had before the attack.
MOST_KEPT_MIB = 256
PROCESSES = 2
Rows = Sequence[dict[str, Any]]


def budgets(part: dict[str, Any] | None) -> Iterator[tuple[str, ...]]:
    """Budgets: what the other team notices, what was shown of it, and the memory that is taken and kept."""
    if part is None:
        return
    rows, words = part["rows"], f"a long attack ({_minutes(part)})"
    under = [row for row in rows if row["turn"] not in QUIET]
    slowest = max(row["p99_ms"] or 0.0 for row in under)
    yield (
        f"p99 of another team's calls in the worst minute of {words}",
        f"at most {MOST_MS:,} ms",
        f"{slowest:,.0f} ms",
        met(slowest <= MOST_MS),
    )
    failed, calls = (sum(row[name] for row in under) for name in ("failed", "calls"))
    yield f"calls of another team that fail under {words}", "none", f"{failed} of {failed + calls:,}", met(failed == 0)
    shown = part["probed"]["shown"]
    yield (
        f"operations that show something of another team after {words}",
        "none",
        f"{len(shown)} of {part['probed']['calls']:,} calls",
        met(not shown),
    )
    before = _largest(rows, BEFORE, "api_mib")
    yield from _memory(f"that {words} takes", max(row["api_mib"] for row in rows) - before, MOST_MIB)
    yield from _memory(f"that stays after {words}", rows[-1]["api_mib"] - before, MOST_KEPT_MIB)


def _memory(words: str, mib: float, most: int) -> Iterator[tuple[str, ...]]:
    bound = PROCESSES * most
    yield f"memory of {PROCESSES} API processes {words}", f"at most {bound:,} MiB", f"{mib:,.0f} MiB", met(mib <= bound)


def attack_hour(part: dict[str, Any]) -> Iterator[str]:
    """What the attack was, what each turn did, what it met, and what was looked for at its end."""
    sizes, quiet = part["sizes"], sum(row["turn"] == BEFORE for row in part["rows"])
    yield (
        f"This attack was run for {_minutes(part)}, with {_counted(quiet)} without an attack before it and after it. "
        "It does not show what a longer attack would do. Two API processes with default settings, behind TLS, share "
        "a Postgres. [nginx](../how-to/put-a-proxy-in-front.md) is in front of them, with the configuration of "
        "`deploy/proxy` and the limits of that page. Everything is on one "
        "machine, on loopback. The attackers share its cores, with the lowest priority.\n"
    )
    yield (
        "The outsider has a viewer's and an auditor's token of a project of its own, and calls from another address "
        f"than the team. Its parts are those of [the short attack](#under-attack), {sizes['frames']} connections "
        "that flood the gRPC port with frames of HTTP/2 (heads that never end, pings, settings, cancelled calls, "
        f"connections that end at once), and {sizes['broken']} gRPC callers that send invalid messages. All parts "
        "attack together for as many minutes as there are parts. Then each part attacks alone for a minute, and it "
        "begins again.\n"
    )
    yield (
        "Another team begins four calls a second, of four kinds in turn, whether or not earlier calls have ended. "
        "Nothing runs the audits that it creates and cancels. In this table, a call counts for the minute in which "
        "it began; its time ends with its reply. p50 and p99 are those of the worst minute, over all kinds of calls "
        "that succeeded. Resident memory and open sockets are summed over the processes and sampled every 2 s. The "
        "table has the largest samples. Sockets include those to Postgres and between nginx and the API.\n"
    )
    yield from table(
        ("turn", "minutes", "calls", "failed", "p50", "p99", "API", "nginx", "sockets of the API", "sockets of nginx"),
        _turns(part["rows"]),
    )
    yield "![Latency, memory and sockets in each minute](../images/benchmarks-attack-hour.png)\n"
    yield "The same calls by kind, before the attack and under it:\n"
    yield from table(CALL_HEAD, call_rows(part))
    yield "This table shows how often each part of the attack began, and how it was ended or refused:\n"
    yield from table(("part", "begun", "ended or refused with"), met_rows(part["met"]))
    yield from _probed(part["probed"])


def _turns(rows: Rows) -> Iterator[tuple[str, ...]]:
    for turn in dict.fromkeys(row["turn"] for row in rows):
        each = [row for row in rows if row["turn"] == turn]
        times = [max((row[name] for row in each if row[name]), default=None) for name in ("p50_ms", "p99_ms")]
        yield (
            turn,
            f"{len(each)}",
            *(f"{sum(row[name] for row in each):,}" for name in ("calls", "failed")),
            *map(milliseconds, times),
            *(f"{_largest(rows, turn, f'{name}_mib'):,.0f} MiB" for name in ("api", "nginx")),
            *(f"{_largest(rows, turn, f'{name}_sockets'):,}" for name in ("api", "nginx")),
        )


def _largest(rows: Rows, turn: str, name: str) -> float:
    largest: float = max(row[name] for row in rows if row["turn"] == turn)
    return largest


def _minutes(part: dict[str, Any]) -> str:
    if part["minute_seconds"] != MINUTE_SECONDS:
        return f"{part['minutes']} times {part['minute_seconds']:g} s"
    return _counted(part["minutes"])


def _counted(minutes: int) -> str:
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def _probed(probed: dict[str, Any]) -> Iterator[str]:
    yield (
        "At the end, the outsider called every REST operation that names a project with both tokens and with names of "
        f"what the team has: {probed['calls']:,} calls. Each reply was compared with that for a project that does not "
        "exist.\n"
    )
    shown = "; ".join(probed["shown"])
    yield f"These replies differed: {shown}.\n" if shown else "No reply differed.\n"
