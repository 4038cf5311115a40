"""When a broken call is tried again, and after how long. Knows no call."""

import random
from dataclasses import dataclass

import grpc

#: Codes after which nothing is known to have happened, or a repetition does no harm because calls carry a request id.
#: CANCELLED as an answer is a server's that has no room: a call that we cancel ourselves ends in `CancelledError`.
BROKEN_CALL = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})

#: Codes of a stream that broke on its way: a resume continues after what has arrived.
BROKEN_STREAM = BROKEN_CALL | {grpc.StatusCode.INTERNAL, grpc.StatusCode.DEADLINE_EXCEEDED}


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double, with jitter, so that clients do not come back all at once."""

    first_seconds: float = 0.1
    longest_seconds: float = 5.0
    attempts: int = 6

    def seconds(self, attempt: int) -> float:
        """How long to wait after `attempt` attempts (from 1 on) have failed."""
        whole = min(self.first_seconds * 2.0 ** (attempt - 1), self.longest_seconds)
        return whole * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, guards nothing


#: For one call: about three seconds altogether, so that an unreachable server is reported soon.
CALLS = Backoff()

#: For a call of a server that has answered before: it restarts, and the call's own deadline says how long to wait.
CALLS_AGAIN = Backoff(attempts=16)

#: For a stream that resumes, without any news in between: about a minute, the time that a restart of a server takes.
STREAMS = Backoff(attempts=16)
