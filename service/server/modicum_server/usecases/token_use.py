"""When a token was last used, by a call or by a session that stands for it. Written at most once a minute."""

from contextlib import suppress

from modicum_server.domain.projects import Principal
from modicum_server.errors import DependencyUnavailable
from modicum_server.ports import Store


async def note_use(store: Store, principal: Principal) -> None:
    """Store that the principal's token is used now, unless that was done within the minute.

    A database that cannot write now refuses no call for that.
    """
    if not principal.use_is_stale:
        return
    with suppress(DependencyUnavailable):
        async with store.transaction() as transaction:
            await transaction.access.note_use(principal.token_id)
