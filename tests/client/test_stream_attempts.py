"""A stream that ends with its token goes on where the token was renewed, and nowhere else."""

import grpc
import grpc.aio
import pytest
from modicum.errors import Unauthenticated
from modicum.retrying import Backoff
from modicum.stream_attempts import StreamAttempts

ENDED = grpc.aio.AioRpcError(
    grpc.StatusCode.UNAUTHENTICATED, grpc.aio.Metadata(), grpc.aio.Metadata(), details="the token has expired"
)


async def test_a_stream_goes_on_once_with_each_renewed_token():
    tokens = ["first"]
    attempts = StreamAttempts("localhost:7400", Backoff(first_seconds=0.0), token=lambda: tokens[-1])
    tokens.append("second")

    await attempts.after(ENDED)

    with pytest.raises(Unauthenticated):
        await attempts.after(ENDED)


async def test_a_stream_without_a_newer_token_ends():
    attempts = StreamAttempts("localhost:7400", Backoff(first_seconds=0.0), token=lambda: "only")

    with pytest.raises(Unauthenticated):
        await attempts.after(ENDED)
