"""Models that are served elsewhere. This process has no network: the worker connects to it, and relays its batches.

A version of an endpoint is what it answered when it was checked. Each task therefore begins and ends with the probe
picture, and fails where the endpoint answers something else.
"""

import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from google.protobuf.message import DecodeError
from modicum_sis import Classifier
from modicum_sis.model.classifier import STEADY_MARGIN
from modicum_sis.numerics.seeding import generator
from torch import Tensor, nn

from modicum_server.domain.endpoints import RELAY_LENGTH_BYTES, RELAY_SOCKET
from modicum_server.generated.worker_pb2 import EndpointAnswer, EndpointBatch
from modicum_server.model_process.failure_reasons import ModelRefused, TaskFailure

ACCEPT_SECONDS = 30.0
PROBED_CLASSES = 64
"""How many scores of the probe picture are kept; the softmax within them covers all classes."""


class Line:
    """The socket on which this process listens while it has a task with an endpoint, and its connection."""

    def __init__(self) -> None:
        self._path = Path(tempfile.gettempdir()) / RELAY_SOCKET
        self._path.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(os.fspath(self._path))
        self._listening.listen(1)
        self._listening.settimeout(ACCEPT_SECONDS)
        self._connection: socket.socket | None = None

    def close(self) -> None:
        """Close both, and remove the socket."""
        self._path.unlink(missing_ok=True)
        for one in (self._connection, self._listening):
            if one is not None:
                one.close()

    def scores(self, images: Tensor) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        """Ask the endpoint for the scores (N, K) of images (N, C, H, W).

        Raises:
            TaskFailure: with the reason that the worker gives.
        """
        values = images.detach().to(device="cpu", dtype=torch.float32).contiguous().numpy().astype("<f4")
        batch = EndpointBatch(shape=values.shape, values=values.tobytes())
        try:
            answer = self._asked(batch.SerializeToString())
        except (OSError, DecodeError) as error:
            raise TaskFailure(
                "ENDPOINT_UNREACHABLE", "the worker ended the connection to the endpoint", model_at_fault=False
            ) from error
        if answer.HasField("failure"):
            failure = answer.failure
            raise TaskFailure(failure.reason, failure.detail, model_at_fault=failure.model_at_fault)
        return np.frombuffer(answer.scores, "<f4").reshape(len(images), answer.class_count)

    def _asked(self, message: bytes) -> EndpointAnswer:
        if self._connection is None:
            self._connection, _ = self._listening.accept()
            self._connection.settimeout(None)  # the worker keeps the time
        self._connection.sendall(len(message).to_bytes(RELAY_LENGTH_BYTES, "big") + message)
        length = int.from_bytes(self._received(RELAY_LENGTH_BYTES), "big")
        return EndpointAnswer.FromString(self._received(length))

    def _received(self, count: int) -> bytes:
        assert self._connection is not None, "something was sent"
        data = bytearray()
        while len(data) < count:
            part = self._connection.recv(min(count - len(data), 1 << 20))
            if not part:
                raise OSError("the worker closed the socket")
            data += part
        return bytes(data)


class EndpointModule(nn.Module):
    """An endpoint as a module: images (N, C, H, W) to class scores (N, K), without a gradient."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def forward(self, images: Tensor) -> Tensor:
        """Class scores, computed elsewhere."""
        scores = self._line.scores(images).copy()
        return torch.from_numpy(scores).to(device=images.device, dtype=images.dtype)


def load_endpoint(line: Line | None) -> EndpointModule:
    """Return the endpoint of a task.

    Raises:
        ModelRefused: ENDPOINT_REFUSED: the task has an endpoint only as a part of its version.
    """
    if line is None:
        raise ModelRefused("ENDPOINT_REFUSED", "an endpoint cannot be a part of another version")
    return EndpointModule(line)


@dataclass(frozen=True, slots=True)
class Probe:
    """The probe picture of an endpoint, and what it answered when its version was checked (nothing before)."""

    classifier: Classifier
    canvas: tuple[int, int, int]
    before: Sequence[float] = field(default=())

    def scores(self) -> list[float]:
        """Return the logarithms of the first classes' probabilities on the picture."""
        low, high = self.classifier.bounds
        noise = torch.rand(self.canvas, generator=generator(0, "", "endpoint-probe"))
        picture = low + (high - low) * noise.to(device=self.classifier.device, dtype=self.classifier.dtype)
        self.classifier.inspect(self.canvas)  # finds out what the outputs are
        logits = self.classifier.plain_logits(picture).double()
        found: list[float] = logits.log_softmax(dim=0)[:PROBED_CLASSES].tolist()
        return found

    def require_steady(self) -> None:
        """See that the endpoint still answers as it did when the version was checked.

        Raises:
            ModelRefused: ENDPOINT_DRIFTED.
        """
        now = self.scores()
        allowed = STEADY_MARGIN * max(1.0, *map(abs, self.before), *map(abs, now))
        pairs = zip(now, self.before, strict=False)
        if len(now) != len(self.before) or not all(abs(one - other) <= allowed for one, other in pairs):
            raise ModelRefused(
                "ENDPOINT_DRIFTED",
                f"the scores of the probe picture have changed by more than {STEADY_MARGIN:g} since this version was "
                "checked: the endpoint serves another model, or does not compute the same each time. Register the "
                "model again, and audit that version",
            )


@contextlib.contextmanager
def steady(probe: Probe | None) -> Iterator[None]:
    """Probe an endpoint before and after a task's work; other versions cannot change."""
    if probe is not None:
        probe.require_steady()
    yield
    if probe is not None:
        probe.require_steady()
