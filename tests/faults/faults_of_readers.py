"""Faults of clients that read or send: they are slow, vanish or fall silent. Other clients must not notice."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from modicum.sources.contents import Content
from modicum.v1 import artifact_service_pb2

from tests.faults.calls import RpcLogged, caller, metadata
from tests.faults.fault import WITHOUT_MECHANISM, Fault, Trial
from tests.faults.gates import Point
from tests.faults.stage import SUBJECT, TOKENS
from tests.faults.uploading import MEBIBYTE, drawn, received, require_whole, send
from tests.waiting import PATIENCE_SECONDS, eventually

#: More than the API's connections to its database.
SLOW_READERS = 24
ARTIFACT_BYTES = 24 * MEBIBYTE
#: Most memory of the API that a slow reader may use: a few pieces of 256 KiB in transit.
BYTES_A_READER = 2 * MEBIBYTE
SENT_BYTES = 4 * MEBIBYTE
WITHIN_A_SHARD = (1, 5, 9)
#: A client that sends half of its bytes and then nothing.
SENDER = """
import sys, threading
import grpc
from modicum.v1 import artifact_service_pb2 as wire, artifact_service_pb2_grpc
address, token, parent, digest, size = sys.argv[1:]
def messages():
    yield wire.UploadArtifactRequest(header=wire.UploadHeader(parent=parent, digest=digest, size_bytes=int(size)))
    data = sys.stdin.buffer.read()
    for start in range(0, len(data), 65536):
        yield wire.UploadArtifactRequest(data=data[start:start + 65536])
    threading.Event().wait()
channel = grpc.insecure_channel(address)
stub = artifact_service_pb2_grpc.ArtifactServiceStub(channel)
stub.UploadArtifact(messages(), metadata=(("authorization", "Bearer " + token),))
"""


def watch_slowly(trial: Trial) -> None:
    """Open many watches, read one snapshot of each, and read on only when the audit has ended."""
    with caller(trial.stage, slow=True) as calling:
        watches = [calling.watch(trial.name) for _ in range(SLOW_READERS)]
        first = [next(watch).audit.sequence for watch in watches]
        trial.gate.open()
        trial.ended()  # the readers stay slow until the end
        trial.wait_ended()
        read = [[reply.audit.sequence for reply in watch] for watch in watches]
        trial.note(f"{max(map(len, read))} snapshots at most waited for one reader")
        for sequence, rest in zip(first, read, strict=True):
            assert [sequence, *rest] == sorted({sequence, *rest}), f"expected rising sequences, got {sequence}, {rest}"
            assert rest[-1] == trial.watchers[SUBJECT].last.sequence


def download_slowly(trial: Trial) -> None:
    """Start many downloads and read one message of each. Meanwhile another client downloads all and the audit ends."""
    with drawn(trial, ARTIFACT_BYTES) as content, caller(trial.stage, slow=True) as calling:
        send(trial.stage, content)
        process = psutil.Process(trial.stage.api.pid)
        before = process.memory_info().rss
        request = artifact_service_pb2.DownloadArtifactRequest(name=f"{SUBJECT}/artifacts/{content.digest}")
        downloads = [
            calling.artifacts.DownloadArtifact(request, metadata=metadata(), timeout=10 * PATIENCE_SECONDS)
            for _ in range(SLOW_READERS)
        ]
        assert all(len(next(download).data) for download in downloads)
        require_whole(trial.stage, content)
        trial.gate.open()
        trial.ended()  # the readers stay slow until the end
        trial.wait_ended()
        grown = process.memory_info().rss - before
        bound = SLOW_READERS * BYTES_A_READER
        assert grown <= bound, f"expected at most {bound / MEBIBYTE:.0f} MiB more, the API took {grown / MEBIBYTE:.0f}"
        trial.note(f"the API's memory grew by {grown / MEBIBYTE:.0f} MiB")
        assert sum(len(reply.data) for reply in downloads[0]) > ARTIFACT_BYTES * 9 // 10
        for download in downloads:
            download.cancel()


def vanish_in_mid_upload(trial: Trial) -> None:
    """Kill a client that has sent half of its bytes. The next client sends the rest."""
    with drawn(trial, 2 * SENT_BYTES) as content, _sending(trial, content) as sender:
        sender.kill()
        sender.wait()
        _resume(trial, content)


def fall_silent_in_mid_upload(trial: Trial) -> None:
    """Stop a client that has sent half of its bytes until the API gives up. Another client sends the rest."""
    with drawn(trial, 2 * SENT_BYTES) as content, _sending(trial, content) as sender:
        sender.send_signal(signal.SIGSTOP)
        ended = RpcLogged("UploadArtifact", "OUT_OF_RANGE")
        eventually(lambda: ended.seen(trial.stage, trial.before, trial.name), "the API to give up the silent client")
        _resume(trial, content)


def _resume(trial: Trial, content: Content) -> None:
    held = send(trial.stage, content)
    assert held >= SENT_BYTES, f"expected the upload to resume after {SENT_BYTES:,} bytes, got {held:,}"
    require_whole(trial.stage, content)


@contextmanager
def _sending(trial: Trial, content: Content) -> Iterator["subprocess.Popen[bytes]"]:
    """Yield a client process that has sent half of the content."""
    facts = [trial.stage.address, TOKENS[SUBJECT], SUBJECT, content.digest, str(content.size_bytes)]
    sender = subprocess.Popen([sys.executable, "-c", SENDER, *facts], stdin=subprocess.PIPE)
    try:
        assert sender.stdin is not None
        with content.open() as stream, sender.stdin:
            sender.stdin.write(stream.read(SENT_BYTES))
        eventually(lambda: received(trial.stage, content) == SENT_BYTES, "the half of the upload to arrive")
        yield sender
    finally:
        sender.kill()
        sender.wait()


FAULTS = (
    Fault(
        name="slow_watchers",
        when="A worker has stored some findings of a shard.",
        injected=f"{SLOW_READERS} watchers read one snapshot each and the next one only after the audit's end.",
        mechanism="A slow watcher occupies no database connection and no queue of snapshots. It gets the latest "
        "snapshot.",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=watch_slowly,
        signs=(RpcLogged("WatchAudit", "OK", at_least=SLOW_READERS),),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="slow_downloads",
        when="A worker has stored some findings of a shard.",
        injected=f"{SLOW_READERS} readers each take one message of an artifact of {ARTIFACT_BYTES // MEBIBYTE} MiB.",
        mechanism="The API reads the next piece only after it has sent the one before.",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=download_slowly,
        signs=(RpcLogged("DownloadArtifact", "CANCELLED"),),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="client_vanishes_in_mid_upload",
        when="Half of an upload has arrived, while an audit is running.",
        injected="The client is killed (`kill -9`). Another client uploads the same bytes.",
        mechanism="Received bytes are kept by project and digest. The lock on the upload is released.",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=vanish_in_mid_upload,
        signs=(RpcLogged("UploadArtifact", "OUT_OF_RANGE|CANCELLED"),),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="client_falls_silent_in_mid_upload",
        when="Half of an upload has arrived, while an audit is running.",
        injected="The client gets SIGSTOP. Another client uploads the same bytes.",
        mechanism="An upload ends after 60 s without a byte. Its connection ends after 80 s without a sign of life.",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=fall_silent_in_mid_upload,
        signs=(RpcLogged("UploadArtifact", "OUT_OF_RANGE"),),
        fails_without=WITHOUT_MECHANISM,
    ),
)
