"""The refusal to delete or erase what is held as evidence."""

from collections.abc import Collection, Sequence

from modicum_server.domain.holds import Hold
from modicum_server.ports import ResourceHeld, Transaction


async def refuse_held(transaction: Transaction, names: Collection[str]) -> None:
    """Refuse to delete or erase anything of these resources while one is held.

    Raises:
        ResourceHeld: names the holds and what to do.
    """
    refuse_holds(await transaction.holds.on(names))


def refuse_holds(holds: Sequence[Hold]) -> None:
    """Refuse where there is one of these holds.

    Raises:
        ResourceHeld
    """
    if holds:
        said = "; ".join(f"{hold.held} by {hold.name} of {hold.creator} ({hold.reason})" for hold in holds)
        raise ResourceHeld(
            f"held as evidence: {said}. An admin can release it with `modicum holds release`",
            held_by=", ".join(hold.name for hold in holds),
        )
