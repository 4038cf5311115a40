"""Every message gets a result or a typed refusal, never an internal error."""

import asyncio

import grpc
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.door.door_stage import METHODS, SERVICES, Reply, message_of, ordinary
from tests.door.message_extremes import messages, swept
from tests.tiers import long

Code = grpc.StatusCode
FAULTS = {Code.INTERNAL, Code.UNKNOWN, Code.DEADLINE_EXCEEDED, Code.CANCELLED, Code.UNAVAILABLE}
OURS = ("Traceback", ".py", "psycopg", "sqlalchemy", "Error(")
AT_ONCE = 8
BY_SERVICE = {
    service.name: [method.name for method in service.methods]
    for module in SERVICES
    for service in module.DESCRIPTOR.services_by_name.values()
}
LARGEST = "AuditService"


def batches(calls: list) -> list[list]:
    return [calls[start : start + AT_ONCE] for start in range(0, len(calls), AT_ONCE)]


def expect_reply(reply: Reply, said: object) -> None:
    assert reply.code not in FAULTS, f"{said}: {reply}"
    if reply.code is not Code.OK:
        assert reply.reason, f"{said}: {reply}"
        assert not any(word in reply.text for word in OURS), f"{said}: {reply}"


@pytest.mark.parametrize("service", [long(name) if name == LARGEST else name for name in BY_SERVICE])
@pytest.mark.long
async def test_each_field_at_and_past_its_limits_gets_a_typed_reply(door, service):
    for name in BY_SERVICE[service]:
        first, *others = (message_of(METHODS[name], request) for request in ordinary(name, door.names))
        for some in batches(list(swept(first))):
            replies = await asyncio.gather(*(door.call(name, message, *others) for _, message in some))

            for (said, _), reply in zip(some, replies, strict=True):
                expect_reply(reply, f"{name} where {said}")


@pytest.mark.long_after(1)
@pytest.mark.hypothesis
@pytest.mark.parametrize("service", BY_SERVICE)
async def test_any_message_gets_a_typed_reply(door, service):
    names = BY_SERVICE[service]

    @settings(
        max_examples=len(names) * settings.default.max_examples // 5,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def collect(data):
        name = data.draw(st.sampled_from(names))
        calls.append((name, data.draw(messages(METHODS[name].input_type, door.names))))

    calls: list = []
    collect()
    for some in batches(calls):
        replies = await asyncio.gather(*(door.call(name, message) for name, message in some))

        for call, reply in zip(some, replies, strict=True):
            expect_reply(reply, call)
