"""How long a worker waits, where no setting says so. Tests wait less."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pauses:
    """Times in seconds."""

    idle: float = 5.0
    """Until an idle slot looks at the rows itself, unless a wake-up comes."""
    write: float = 0.5
    """Before results are written: a short task has one batch, and progress goes out at most twice a second."""
    retry: float = 1.0
    """Before the first retry of a shard. Each further retry waits twice as long as the one before."""
    down: float = 5.0
    """Before another try of a shard, after its model server was away."""
    erasures: float = 2.0
    """Before erasures are looked for again."""
    away: float = 2.0
    """Before another try, after the database or the artifact store was away."""
    seen: float = 10.0
    """Before it says again that it is there."""
    look: float = 30.0
    """Before it looks what it can build, which takes seconds of a core that the first work needs more."""


PAUSES = Pauses()
