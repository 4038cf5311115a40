"""Raw gRPC calls without the client's retries. The caller chooses the request id."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from modicum.gate.fills import Fill
from modicum.searches import AuditSpecification, Search, SearchMethod, specification_message
from modicum.v1 import artifact_service_pb2_grpc, audit_pb2, audit_service_pb2, audit_service_pb2_grpc

from tests.faults.fault import SPECIFICATION, Trial
from tests.faults.signs import Before
from tests.faults.stage import SUBJECT, TOKENS, Stage
from tests.waiting import PATIENCE_SECONDS


def metadata(project: str = SUBJECT) -> tuple[tuple[str, str], ...]:
    """The metadata of a call for the project."""
    return (("authorization", f"Bearer {TOKENS[project]}"),)


class Caller:
    """One channel to the API."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._audits = audit_service_pb2_grpc.AuditServiceStub(channel)
        self.artifacts = artifact_service_pb2_grpc.ArtifactServiceStub(channel)

    def create(self, request: audit_service_pb2.CreateAuditRequest) -> Any:
        """Start CreateAudit. The call waits for a connection and fails when the connection breaks."""
        return self._audits.CreateAudit.future(
            request, timeout=PATIENCE_SECONDS, metadata=metadata(), wait_for_ready=True
        )

    def watch(self, audit: str, *, after_sequence: int = 0) -> Any:
        """Start WatchAudit with a single attempt. Iterate over the call to read snapshots."""
        request = audit_service_pb2.WatchAuditRequest(name=audit, after_sequence=after_sequence)
        return self._audits.WatchAudit(request, timeout=PATIENCE_SECONDS, metadata=metadata(), wait_for_ready=True)


@contextmanager
def caller(stage: Stage, *, slow: bool = False) -> Iterator[Caller]:
    """Yield a caller with its own connection. A slow caller receives only what it reads."""
    options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    narrow = [("grpc.http2.lookahead_bytes", 1), ("grpc.http2.bdp_probe", 0)]
    with grpc.insecure_channel(stage.address, options=options + narrow * slow) as channel:
        yield Caller(channel)


def create_request(trial: Trial) -> audit_service_pb2.CreateAuditRequest:
    """The audit of every trial, with a request id that the trial draws."""
    search = Search(
        threshold=SPECIFICATION["thresholds"][0],
        method=SearchMethod(SPECIFICATION["method"]),
        fill=Fill.MEAN,
        pixels_per_step=SPECIFICATION["pixels_per_step"],
    )
    specification = AuditSpecification(
        model_versions=(trial.stage.client(SUBJECT).models.version(SPECIFICATION["models"][0]).name,),
        dataset=f"{SUBJECT}/datasets/{SPECIFICATION['dataset']}",
        canvas=None,
        searches=(search,),
        controls=(),
        seed=0,
        sample=0,
        device="auto",
    )
    return audit_service_pb2.CreateAuditRequest(
        parent=SUBJECT,
        audit=audit_pb2.Audit(specification=specification_message(specification, no_controls=True)),
        request_id=str(uuid.UUID(int=trial.random.getrandbits(128), version=4)),
        no_reuse=True,
    )


@dataclass(frozen=True)
class RpcLogged:
    """The API logged at least this many calls of a method with a code and a request id. "A|B" means A or B."""

    method: str
    code: str
    at_least: int = 1

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether the API has logged enough such calls since the trial began."""
        lines = stage.api.lines("rpc", since=before.log_bytes["api"])
        ended = [
            line
            for line in lines
            if line["method"].endswith(f"/{self.method}")
            and line["code"] in self.code.split("|")
            and line["request_id"]
        ]
        return len(ended) >= self.at_least

    def __str__(self) -> str:
        """Text for the page."""
        times = f" {self.at_least} times" if self.at_least > 1 else ""
        return f"log `rpc` of {self.method} with {self.code.replace('|', ' or ')}{times} and its request id"
