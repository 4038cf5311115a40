"""What a refused gRPC call held is freed at once, so that the garbage collector need not stop every call for it."""

import gc
from collections.abc import Iterator

import grpc
import pytest
from modicum.v1 import audit_service_pb2 as audits
from modicum_server.transports.calls import Call

from tests.waiting import until


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def no_call_is_left() -> bool:
    return not any(isinstance(each, Call) for each in gc.get_objects())


async def test_a_refused_watch_leaves_nothing_for_the_garbage_collector(served, uncollected):
    watch = served.caller(token=None).audits.WatchAudit(audits.WatchAuditRequest())
    assert await watch.code() is grpc.StatusCode.UNAUTHENTICATED

    await until(no_call_is_left, "the call to be freed")
