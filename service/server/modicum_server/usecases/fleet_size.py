"""How many workers the work asks for. KEDA's query in deploy/kubernetes says the same of the same facts."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from modicum_server.ports import Store

#: Facts whose sum asks for slots. Shards that are held count, or their workers would go. An erasure of a picture is no
#: shard, and needs a worker, too.
WORK = ("queued", "held", "erasures_running")


@dataclass(frozen=True, slots=True)
class FleetBounds:
    """Fewest and most workers, the slots of each, and how long the need for one is remembered."""

    least: int
    most: int
    slots: int
    cooldown_seconds: float


@dataclass(slots=True)
class FleetSize:
    """How many workers there are to be. They come at once, and go when none was needed for the whole cooldown."""

    bounds: FleetBounds
    _wanted: deque[tuple[float, int]] = field(default_factory=deque)

    def at(self, seconds: float, work: int) -> int:
        """Return the number for this much work at this time, which never runs backwards."""
        while self._wanted and self._wanted[0][0] < seconds - self.bounds.cooldown_seconds:
            self._wanted.popleft()
        self._wanted.append((seconds, workers_for(work, self.bounds)))
        return max(wanted for _, wanted in self._wanted)


def workers_for(work: int, bounds: FleetBounds) -> int:
    """Return the workers that have a slot for each piece of work, within the bounds."""
    return min(max(-(-work // bounds.slots), bounds.least), bounds.most)


def work_in(facts: Mapping[str, float]) -> int:
    """Return how many pieces of work there are, by the facts that the metrics show."""
    return int(sum(facts[name] for name in WORK))


async def stored_work(store: Store) -> int:
    """Read how many pieces of work there are.

    Raises:
        DependencyUnavailable
    """
    async with store.transaction() as transaction:
        return work_in({**await transaction.shards.facts(), **await transaction.gauges.facts()})
