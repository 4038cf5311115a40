"""Part (d): resident memory of API, worker and model process, in an audit of few and of many images of a tiny model.

One server does both, the small audit first: what it holds from then on counts in the second as well.
"""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]  # has no types
import torch
from modicum import Client
from modicum.sources.inputs import InputSpecification
from modicum_server.handler.architectures import build_architecture
from modicum_sis import default_chunk_size
from safetensors.torch import save_file

from benchmarks.local_server import local_client, server_process

FEW, MANY, MANY_QUICKLY = 100, 10_000, 2_000
ARCHITECTURE, SIDE, CLASSES = "modicum:cifar_resnet8", 16, 4
HEAD_SCALE = 100.0
"""So that a network that learned nothing is confident, and its images are searched."""
THRESHOLD, PASSES = 0.6, 12
SAMPLE_SECONDS = 0.1
MEBIBYTE = 1024**2
REPORTING = "API, making the JSON report"
PARTS = {
    "modicum_server.cli serve": "API",
    "modicum_server.cli worker": "worker",
    "model_service_worker": "model process",
}


def measure(*, quick: bool) -> dict[str, Any]:
    """Peaks of each part in both audits; as JSON values."""
    many = MANY_QUICKLY if quick else MANY
    with tempfile.TemporaryDirectory(prefix="mb-") as folder, local_client() as (client, data):
        weights = _write_weights(Path(folder))
        client.models.register("tiny", weights=weights, architecture=ARCHITECTURE, input=_input())
        runs = [_run(client, data, Path(folder), count) for count in (FEW, many)]
    few, most = (run["peak_mib"] for run in runs)
    growth = {part: most[part] / few[part] for part in few if part in most}
    print("memory: " + ", ".join(f"{part} x{ratio:.2f}" for part, ratio in growth.items()), flush=True)
    return {"model": ARCHITECTURE, "side": SIDE, "chunk": _chunk(), "runs": runs, "growth": growth}


def _run(client: Client, data: Path, folder: Path, count: int) -> dict[str, Any]:
    """Upload, audit and result of so many images; then, on its own, the JSON report, which the API makes."""
    images = np.random.default_rng(count).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
    archive = folder / f"{count}.npz"
    np.savez(archive, images=images)
    begun, supervisor = time.perf_counter(), server_process(data)
    with _peaks(supervisor) as peaks:
        photographs = client.datasets.upload(f"images-{count}", archive)
        audit = client.audits.create(
            models=["tiny"], dataset=photographs, thresholds=[THRESHOLD], passes=PASSES, controls=(), reuse=False
        )
        searched = sum(finding.eligible for finding in audit.result().findings)
    with _peaks(supervisor) as reporting:
        audit.report("json")
    seconds = time.perf_counter() - begun
    rounded = {part: round(peak, 1) for part, peak in sorted(peaks.items())}
    rounded[REPORTING] = round(reporting["API"], 1)
    print(f"memory, {count:,} images ({searched:,} searched, {seconds:.0f} s): {rounded} MiB", flush=True)
    return {"images": count, "searched": searched, "seconds": round(seconds, 1), "peak_mib": rounded}


@contextmanager
def _peaks(supervisor: psutil.Process) -> Iterator[dict[str, float]]:
    """The largest resident memory of each part, MiB, sampled until the block ends."""
    peaks: dict[str, float] = {}
    ended = threading.Event()

    def look() -> None:
        for part, size in _resident(supervisor):
            peaks[part] = max(size, peaks.get(part, 0.0))

    def watch() -> None:
        look()
        while not ended.wait(SAMPLE_SECONDS):
            look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _resident(supervisor: psutil.Process) -> Iterator[tuple[str, float]]:
    for process in supervisor.children(recursive=True):
        try:
            words = " ".join(process.cmdline())
            size = process.memory_info().rss / MEBIBYTE
        except psutil.Error:
            continue
        part = next((name for mark, name in PARTS.items() if mark in words), None)
        if part is not None:
            yield part, size


def _write_weights(folder: Path) -> Path:
    torch.manual_seed(0)
    network = build_architecture(ARCHITECTURE, CLASSES)
    with torch.no_grad():
        next(iter(network.get_submodule("head").parameters())).mul_(HEAD_SCALE)
    path = folder / "tiny.safetensors"
    save_file(network.state_dict(), path)
    return path


def _chunk() -> int:
    """How many images the model process works on together."""
    return default_chunk_size((3, SIDE, SIDE), torch.device("cpu"))


def _input() -> InputSpecification:
    return InputSpecification(height=SIDE, width=SIDE, mean=(0.5,) * 3, std=(0.25,) * 3)
