"""When a broken call is retried, and after how long. Makes no calls."""

import random
from dataclasses import dataclass

import grpc

#: Codes after which a call is retried: it was not executed, or a second execution does no harm, because calls carry a
#: request id. An overloaded server sends CANCELLED; a call that this client cancels ends with `CancelledError`.
BROKEN_CALL = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})

#: Codes after which a stream is resumed where it broke.
BROKEN_STREAM = BROKEN_CALL | {grpc.StatusCode.INTERNAL, grpc.StatusCode.DEADLINE_EXCEEDED}


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double, with jitter, so that clients do not retry all at once."""

    first_seconds: float = 0.1
    longest_seconds: float = 5.0
    attempts: int = 6

    def seconds(self, attempt: int) -> float:
        """How long to wait after `attempt` attempts (from 1 on) have failed."""
        whole = min(self.first_seconds * 2.0 ** (attempt - 1), self.longest_seconds)
        return whole * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load; no security depends on it


#: For a call: about three seconds in all, so that an unreachable server is reported soon.
CALLS = Backoff()

#: For a call to a server that has replied before: it may be restarting. The deadline of the call ends the retries.
CALLS_TO_KNOWN_SERVER = Backoff(attempts=16)

#: For a stream that resumes: about a minute without news, the time that a restart of a server takes.
STREAMS = Backoff(attempts=16)
