"""Faults of requests: the same CreateAudit again, and many times at once."""

import grpc
import pytest

from tests.faults.calls import Answered, caller, create_request
from tests.faults.fault import WITHOUT_MECHANISM, Fault, Trial
from tests.faults.gates import Point
from tests.faults.stage import BESIDE, SUBJECT

AT_ONCE = 50
SAME_ANSWER = "the id is locked while its first request is open; what it made is stored with it, and answered again"


def ask_twice(trial: Trial) -> None:
    """Ask, and ask again; then ask for something else under the id, which is refused."""
    with caller(trial.stage) as calling:
        request = create_request(trial)
        answers = [calling.create(request).result() for _ in range(2)]
        assert answers[0].name == answers[1].name
        request.audit.specification.seed += 1
        with pytest.raises(grpc.RpcError) as refused:
            calling.create(request).result()
        assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS
        trial.follow(SUBJECT, answers[0].name)
    trial.submit_to(BESIDE)


def ask_many_times_at_once(trial: Trial) -> None:
    """Ask so often at once, the first transaction held until the others have come."""
    with caller(trial.stage) as calling:
        request = create_request(trial)
        asked = [calling.create(request) for _ in range(AT_ONCE)]
        trial.gate.wait_reached()
        trial.gate.open()
        names = {call.result().name for call in asked}
        assert len(names) == 1, f"expected one name in {AT_ONCE} answers, got {sorted(names)}"
        trial.follow(SUBJECT, names.pop())
    trial.submit_to(BESIDE)


FAULTS = (
    Fault(
        name="same_create_audit_twice",
        where="the audit is acknowledged",
        injected="the same CreateAudit again; then another one under its request id",
        mechanism=SAME_ANSWER,
        submits=False,
        strike=ask_twice,
        signs=(Answered("CreateAudit", "ALREADY_EXISTS"),),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="same_create_audit_50_at_once",
        where="the API inserts the audit's row",
        injected=f"the same CreateAudit {AT_ONCE} times at once",
        mechanism=SAME_ANSWER,
        point=Point.CREATE,
        submits=False,
        strike=ask_many_times_at_once,
        signs=(Answered("CreateAudit", "OK", at_least=AT_ONCE),),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
)
