"""Fair shares: how much of one API process a principal and a project may use at once, so that others get their part."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from time import monotonic

from modicum_server.domain.projects import Principal
from modicum_server.errors import ResourceExhausted, ShareExceeded
from modicum_server.usecases.turns import Turns

#: Who was quiet may make this many seconds' worth of calls at once.
BURST_SECONDS = 5.0
#: Callers are forgotten, beyond this number, once they have all their calls again.
MOST_REMEMBERED = 10_000
#: Calls that are worked on at the same time, of a principal and of all principals of the same projects. Each may hold a
#: connection to the database, of which a process has twenty. Calls that only read are short, and more of them at once
#: are no faster: they share one core, and a call of another principal waits for a step of each.
READS_AT_ONCE, READS_OF_PROJECTS_AT_ONCE = 2, 4
CHANGES_AT_ONCE, CHANGES_OF_PROJECTS_AT_ONCE = 8, 12
#: Further calls of a principal that wait for their turn. More are refused.
CALLS_WAITING = 500


@dataclass(frozen=True, slots=True)
class Share:
    """How many things of one kind, such as "open watches", a principal and a project may have at once."""

    kind: str
    of_principal: int
    of_project: int
    refusal: type[ResourceExhausted] = ShareExceeded


class Shares:
    """Counts what principals and projects hold of one kind."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._held: Counter[tuple[str, ...]] = Counter()

    @contextmanager
    def taken(self, principal: Principal, project: str, count: int = 1) -> Iterator[None]:
        """Hold this many for the length of the context.

        Raises:
            ShareExceeded, or the refusal of the share: the principal or the project would have too many.
        """
        with self.growing(principal, project) as take:
            take(count)
            yield

    @contextmanager
    def growing(self, principal: Principal, project: str) -> Iterator[Callable[[int], None]]:
        """Yield a function that takes so many more, which are held until the context ends. It raises as `taken` does.

        Without a project, they count for the principal alone.
        """
        holders = {("principal", *principal.share): (principal.name, self._share.of_principal)}
        if project:
            holders["project", project] = (project, self._share.of_project)
        held = 0

        def take(count: int) -> None:
            nonlocal held
            for holder, (name, most) in holders.items():
                if self._held[holder] + count > most:
                    raise self._refusal(name, most)
            held += count
            self._held.update(dict.fromkeys(holders, count))

        try:
            yield take
        finally:
            self._held.subtract(dict.fromkeys(holders, held))
            for holder in holders:
                if not self._held[holder]:
                    del self._held[holder]

    def roomiest(self, projects: Iterable[str]) -> str:
        """Return the project which holds the fewest; empty where there are none."""
        return min(projects, key=lambda project: self._held["project", project], default="")

    def _refusal(self, name: str, most: int) -> ResourceExhausted:
        kind = self._share.kind
        return self._share.refusal(
            f"{name} may have at most {most:,} {kind} in one process of this server; end some, or try again later",
            share=kind,
        )


def stranger(address: str) -> Principal:
    """Return the principal that callers of an address without a token share. A proxy is one address."""
    return Principal(name=f"a caller without a token from {address}", roles={})


class CallTurns:
    """Turns of calls without a stream: some of each principal are worked on at once, those that only read apart."""

    def __init__(self) -> None:
        self._reads = TurnsOfPrincipals(READS_AT_ONCE, READS_OF_PROJECTS_AT_ONCE)
        self._changes = TurnsOfPrincipals(CHANGES_AT_ONCE, CHANGES_OF_PROJECTS_AT_ONCE)

    def taken(self, principal: Principal, *, reads: bool) -> AbstractAsyncContextManager[None]:
        """Return the context in which a call of the principal is worked on. It waits for its turn.

        Raises:
            ShareExceeded: too many of its calls wait.
        """
        return (self._reads if reads else self._changes).taken(principal)


class TurnsOfPrincipals:
    """So many turns at once of each principal, and of each group of projects. Who has none shares with nobody."""

    def __init__(self, of_principal: int, of_projects: int) -> None:
        """Take the number of turns of a principal, and of all principals of the same projects."""
        self._most = of_principal + CALLS_WAITING
        self._of_principals = Turns(of_principal)
        self._of_projects = Turns(of_projects)

    @asynccontextmanager
    async def taken(self, principal: Principal) -> AsyncIterator[None]:
        """Wait for a turn of the principal, and hold it for the length of the context.

        Raises:
            ShareExceeded: too many wait.
        """
        if self._of_principals.count(principal.share) >= self._most:
            raise ShareExceeded(
                f"{principal.name} makes more than {self._most} calls at once; wait a moment, and make fewer at once",
                share="calls at once",
            )
        async with (
            self._of_principals.taken(principal.share),
            self._of_projects.taken(tuple(sorted(principal.roles)) or principal.share),
        ):
            yield


class CallRates:
    """How many calls a second a principal may make, and all callers together in a project, over `BURST_SECONDS`."""

    def __init__(self, *, of_principal: float, of_project: float) -> None:
        self._of_principal = _Rate(of_principal)
        self._of_project = _Rate(of_project)

    def admit(self, principal: Principal) -> None:
        """Count a call of the principal.

        Raises:
            ShareExceeded
        """
        self._of_principal.spend(principal.share, principal.name)

    def admit_in(self, principal: Principal, project: str) -> None:
        """Count a call in a project. One of a principal without a role there is refused anyway, and takes nothing.

        Raises:
            ShareExceeded
        """
        if project in principal.roles:
            self._of_project.spend((project,), f"{project}, with all its callers,")


class _Rate:
    """Calls a second of each of many."""

    def __init__(self, calls_per_second: float) -> None:
        self._rate = calls_per_second
        self._spent: dict[tuple[str, ...], tuple[float, float]] = {}

    def spend(self, who: tuple[str, ...], shown: str) -> None:
        now, most = monotonic(), self._rate * BURST_SECONDS
        spent, since = self._spent.get(who, (0.0, now))
        spent = max(0.0, spent - (now - since) * self._rate)
        if spent + 1 > most:
            raise ShareExceeded(
                f"{shown} makes more than {self._rate:g} calls a second; wait a moment, or fetch more with each call",
                share="calls a second",
            )
        if len(self._spent) > MOST_REMEMBERED:
            self._forget(now)
        self._spent[who] = (spent + 1, now)

    def _forget(self, now: float) -> None:
        self._spent = {who: one for who, one in self._spent.items() if one[0] > (now - one[1]) * self._rate}
