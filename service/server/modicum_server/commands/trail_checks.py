"""Prints what a check of the trail finds, for the commands that make one."""

from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime

from modicum_server.command_parts import say
from modicum_server.domain.trail import Seal
from modicum_server.ports import Store
from modicum_server.usecases.trail_verifying import Checked, Flaw, FlawKind, verify_trail


async def trail_has_flaws(store: Store, *, known_heads: Sequence[Seal] = (), now: datetime | None = None) -> bool:
    """Print each flaw of the trail, and how much was checked; whether there was one.

    `now` is the moment of what is checked, where that is a copy.

    Raises:
        DependencyUnavailable
    """
    checked, counts = Checked(), Counter[FlawKind]()
    async with aclosing(verify_trail(store, checked, known_heads=known_heads, now=now)) as flaws:
        async for flaw in flaws:
            counts[flaw.kind] += 1
            say(_row(flaw))
    kinds = ", ".join(f"{counts[kind]:,} {kind.lower()}" for kind in FlawKind)
    say(f"{checked.entries:,} entries of the trail in {checked.chains:,} chains: {kinds}")
    return bool(counts)


def _row(flaw: Flaw) -> str:
    place = f"sequence {flaw.sequence:,}" if flaw.sequence else "without a seal"
    entry = f", entry {flaw.entry_id:,}" if flaw.entry_id else ""
    return f"{flaw.kind:<10}  {flaw.project or 'the server'}, {place}{entry}"
