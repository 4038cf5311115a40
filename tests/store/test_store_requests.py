"""Requests that the store remembers, so that a repeated one creates nothing."""

import asyncio

from modicum_server.ports import RememberedRequest

DEFAULT = "projects/default"


async def test_fifty_equal_requests_at_once_create_one_resource(store):
    made = []

    async def request() -> str:
        async with store.transaction() as transaction:
            remembered = await transaction.requests.find(DEFAULT, "id")
            if remembered is not None:
                return remembered.created
            reply = f"thing {len(made)}"
            made.append(reply)
            await transaction.requests.remember(DEFAULT, "id", RememberedRequest("Create", "digest", reply))
            return reply

    replies = await asyncio.gather(*(request() for _ in range(50)))

    assert made == ["thing 0"]
    assert set(replies) == {"thing 0"}
