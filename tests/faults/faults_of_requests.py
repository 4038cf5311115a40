"""Faults of requests: the same CreateAudit again, and many times at once."""

import grpc
import pytest

from tests.faults.calls import RpcLogged, caller, create_request
from tests.faults.fault import WITHOUT_MECHANISM, Fault, Trial
from tests.faults.gates import Point
from tests.faults.stage import BESIDE, SUBJECT

AT_ONCE = 50
SAME_REPLY = (
    "The first request locks its id until it commits. The created audit is stored with the id and returned again."
)


def send_twice(trial: Trial) -> None:
    """Send a request twice. Then send a different one under the same id, which the API refuses."""
    with caller(trial.stage) as calling:
        request = create_request(trial)
        replies = [calling.create(request).result() for _ in range(2)]
        assert replies[0].name == replies[1].name
        request.audit.specification.seed += 1
        with pytest.raises(grpc.RpcError) as refused:
            calling.create(request).result()
        assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS
        trial.follow(SUBJECT, replies[0].name)
    trial.submit_to(BESIDE)


def send_many_times_at_once(trial: Trial) -> None:
    """Send one request many times at once. The first transaction waits until the others have arrived."""
    with caller(trial.stage) as calling:
        request = create_request(trial)
        calls = [calling.create(request) for _ in range(AT_ONCE)]
        trial.gate.wait_reached()
        trial.gate.open()
        names = {call.result().name for call in calls}
        assert len(names) == 1, f"expected one name in {AT_ONCE} replies, got {sorted(names)}"
        trial.follow(SUBJECT, names.pop())
    trial.submit_to(BESIDE)


FAULTS = (
    Fault(
        name="same_create_audit_twice",
        when="The audit is acknowledged.",
        injected="The same CreateAudit is sent again. Then a different one is sent under the same request id.",
        mechanism=SAME_REPLY,
        submits=False,
        strike=send_twice,
        signs=(RpcLogged("CreateAudit", "ALREADY_EXISTS"),),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="same_create_audit_50_at_once",
        when="The API is inserting the audit's row.",
        injected=f"The same CreateAudit is sent {AT_ONCE} times at once.",
        mechanism=SAME_REPLY,
        point=Point.CREATE,
        submits=False,
        strike=send_many_times_at_once,
        signs=(RpcLogged("CreateAudit", "OK", at_least=AT_ONCE),),
        fails_without=WITHOUT_MECHANISM,
    ),
)
