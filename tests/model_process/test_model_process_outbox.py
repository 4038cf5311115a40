"""Chunks: numbered, small, not too many, never silent, and none after the last."""

import itertools
import threading

import pytest
from modicum_server.generated.worker_pb2 import Chunk, Findings, Finished, Started
from modicum_server.model_process.chunk_sender import CHUNK_BYTES, Clock, Outbox, pulse
from modicum_server.model_process.progress_counts import ProgressCounts


class Time:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.seconds += seconds


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def sent():
    return []


@pytest.fixture
def outbox(time, sent):
    def emit(chunk: Chunk) -> None:
        sent.append((time.now(), chunk))

    return Outbox(emit, ProgressCounts(passes_done=42, phase="searching"), attempt=7, clock=Clock(time.now, time.sleep))


def entry(position: int, mask_bytes: int = 100) -> Findings.Entry:
    made = Findings.Entry(position=position)
    made.finding.subset.mask = bytes(mask_bytes)
    return made


def test_chunks_carry_the_attempt_and_a_rising_number(outbox, sent):
    outbox.say(Started(pid=1))
    outbox.add(entry(0))
    outbox.close(Finished())

    assert [(chunk.attempt, chunk.sequence) for _, chunk in sent] == [(7, 1), (7, 2), (7, 3)]
    assert [chunk.WhichOneof("body") for _, chunk in sent] == ["started", "findings", "finished"]


def test_a_flood_of_findings_travels_in_few_and_small_chunks(outbox, sent, time):
    outbox.say(Started())
    for position in range(500):
        outbox.add(entry(position, 1_000))
        time.sleep(0.001)
    outbox.close(Finished())

    times = [at for at, chunk in sent if not chunk.HasField("finished")][:-1]
    assert min(later - sooner for sooner, later in itertools.pairwise(times)) >= 0.2 - 1e-9
    assert len(times) >= 4
    assert max(chunk.ByteSize() for _, chunk in sent) <= CHUNK_BYTES
    assert [e.position for _, chunk in sent for e in chunk.findings.entries] == list(range(500))


def test_the_last_words_of_a_task_do_not_wait_for_their_turn(outbox, sent, time):
    outbox.say(Started())
    outbox.add(entry(0))
    outbox.close(Finished())

    assert {at for at, _ in sent} == {time.now()}


def test_a_finding_larger_than_a_chunk_travels_alone(outbox, sent):
    outbox.say(Started())
    for position, size in enumerate([10, CHUNK_BYTES, 10]):
        outbox.add(entry(position, size))
    outbox.close(Finished())

    assert [[e.position for e in chunk.findings.entries] for _, chunk in sent[1:-1]] == [[0], [1], [2]]


def test_a_finding_that_waits_goes_with_the_next_tick(outbox, sent, time):
    outbox.say(Started())
    outbox.add(entry(0))
    assert len(sent) == 1

    time.sleep(0.25)
    outbox.tick()

    assert sent[-1][1].findings.entries[0].position == 0
    assert sent[-1][1].findings.passes_done == 42


def test_silence_is_broken_by_a_heartbeat_every_five_seconds(outbox, sent, time):
    outbox.say(Started())
    for _ in range(60):
        time.sleep(0.25)
        outbox.tick()

    beats = [chunk.heartbeat for _, chunk in sent[1:]]
    assert len(beats) == 3
    assert (beats[0].passes_done, beats[0].phase) == (42, "searching")


def test_nothing_follows_the_last_chunk(outbox, sent, time):
    outbox.close(Finished())

    time.sleep(60)
    outbox.tick()
    outbox.close(Finished())

    assert len(sent) == 1


def test_findings_that_could_not_be_sent_go_with_the_next_chunk(time):
    sent, broken = [], [False]

    def emit(chunk):
        if broken[0]:
            raise RuntimeError
        sent.append(chunk)

    outbox = Outbox(emit, ProgressCounts(), attempt=7, clock=Clock(time.now, time.sleep))
    outbox.say(Started())
    outbox.add(entry(0))
    time.sleep(1)
    broken[0] = True
    with pytest.raises(RuntimeError):
        outbox.tick()
    broken[0] = False
    outbox.close(Finished())

    assert [chunk.WhichOneof("body") for chunk in sent] == ["started", "findings", "finished"]
    assert [chunk.sequence for chunk in sent] == [1, 2, 3]


def test_the_pulse_goes_on_after_a_beat_that_failed(caplog):
    beats, enough = [], threading.Event()

    class Shaky:
        def tick(self):
            beats.append(1)
            if len(beats) == 1:
                raise ValueError
            enough.set()

    with pulse(Shaky()):
        assert enough.wait(60)

    assert "ValueError" in caplog.text
