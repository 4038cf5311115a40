"""Slots for tests of the model process: folders with artifacts and a task, as a worker stages them, and models."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from modicum.v1 import model_pb2, search_pb2
from modicum_server.generated.worker_pb2 import CheckWork, Chunk, Item, ScoreWork, SearchWork, SpotWork, Task
from modicum_server.model_process.running import Kept, run_task
from PIL import Image
from safetensors.torch import save
from torch import nn

Work = CheckWork | SearchWork | ScoreWork | SpotWork
ATTEMPT = 7
VERSION = "projects/default/models/tiny/versions/1"


@dataclass
class Stage:
    """A slot's folder, and what came out of it."""

    folder: Path
    kept: Kept = field(default_factory=Kept)

    def put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / "artifacts" / digest).write_bytes(data)
        return digest

    def run(
        self,
        version: model_pb2.ModelVersion,
        work: Work,
        *,
        started: Callable[[], object] = lambda: None,
        **task,
    ) -> list[Chunk]:
        """Run a task. `started` is called after its first chunk."""
        message = Task(id="task", attempt=ATTEMPT, model_version=version, device="cpu", threads=1, **task)
        fields = {
            CheckWork: message.check,
            SearchWork: message.search,
            ScoreWork: message.score,
            SpotWork: message.spot,
        }
        fields[type(work)].CopyFrom(work)
        (self.folder / "task.binpb").write_bytes(message.SerializeToString())
        chunks: list[Chunk] = []

        def emit(chunk: Chunk) -> None:
            chunks.append(chunk)
            if chunk.HasField("started"):
                started()

        run_task(self.folder, emit, kept=self.kept)
        return chunks


def tiny_input(channels: int = 1, size: int = 8) -> model_pb2.InputSpecification:
    """Straight to the canvas, nothing subtracted."""
    return model_pb2.InputSpecification(
        channels=channels,
        height=size,
        width=size,
        lower_bound=0,
        upper_bound=1,
        interpolation="nearest",
        mean=[0.0] * channels,
        std=[1.0] * channels,
    )


class Corners(nn.Module):
    """Class 0 by the light in the top left quarter, class 1 by the bottom right one; class 2 always scores 0."""

    def __init__(self, gain: float = 2.0) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, images):
        half = images.shape[-1] // 2
        scores = [images[..., :half, :half].sum((1, 2, 3)), images[..., half:, half:].sum((1, 2, 3))]
        return torch.stack([*scores, torch.zeros_like(scores[0])], dim=1) * self.gain


def program_of(module: nn.Module, *, shape: tuple[int, ...] = (1, 8, 8)) -> bytes:
    """A torch.export program with a dynamic batch dimension."""
    batch = torch.export.Dim("batch", min=1, max=4096)
    program = torch.export.export(module.eval(), (torch.zeros(2, *shape),), dynamic_shapes=({0: batch},))
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def version_of_program(stage: Stage, module: nn.Module, **fields) -> model_pb2.ModelVersion:
    digest = stage.put(program_of(module))
    fields = {"name": VERSION, "digest": digest, "input": tiny_input(), **fields}
    return model_pb2.ModelVersion(exported=model_pb2.Executable(digest=digest), **fields)


def version_of_weights(stage: Stage, module: nn.Module, architecture: str, **fields) -> model_pb2.ModelVersion:
    digest = stage.put(save({key: tensor.contiguous() for key, tensor in module.state_dict().items()}))
    fields = {"name": VERSION, "digest": digest, **fields}
    return model_pb2.ModelVersion(weights=model_pb2.Weights(digest=digest, architecture=architecture), **fields)


def items_of(stage: Stage, pictures: list[bytes]) -> list[Item]:
    return [Item(position=at, item=f"{at}.png", image_digest=stage.put(data)) for at, data in enumerate(pictures)]


def search_work(items: list[Item], **fields) -> SearchWork:
    search = search_pb2.Search(
        method=search_pb2.SEARCH_METHOD_BACKSELECT, threshold=0.9, fill=search_pb2.FILL_BLACK, fraction=0.25
    )
    fields = {"search": search, "seed": 1, **fields}
    return SearchWork(canvas=search_pb2.Canvas(channels=1, height=8, width=8), items=items, **fields)


def kinds(chunks: list[Chunk]) -> list[str]:
    """Bodies of the chunks, heartbeats aside."""
    return [kind for chunk in chunks if (kind := chunk.WhichOneof("body")) != "heartbeat"]


def findings(chunks: list[Chunk]):
    return {entry.position: entry.finding for chunk in chunks for entry in chunk.findings.entries}


BRIGHT_TOP_LEFT = np.zeros((8, 8), dtype=np.uint8)
BRIGHT_TOP_LEFT[:4, :4] = 255
BRIGHT_BOTTOM_RIGHT = BRIGHT_TOP_LEFT[::-1, ::-1].copy()
DARK = np.zeros((8, 8), dtype=np.uint8)


def png(array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def mask_of(finding) -> np.ndarray:
    size = finding.subset.height * finding.subset.width
    bits = np.unpackbits(np.frombuffer(finding.subset.mask, dtype=np.uint8))[:size]
    return bits.astype(bool).reshape(finding.subset.height, finding.subset.width)


def controls(*kinds_of_control, passes=0):
    return [search_pb2.ControlPlan(control=kind, passes=passes) for kind in kinds_of_control]


def canvases(arrays):
    return torch.stack([torch.from_numpy(array.copy()) for array in arrays]).unsqueeze(1) / 255
