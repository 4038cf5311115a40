"""Part (d): resident memory of API, worker and model process, in audits of growing size with a tiny model.

One server runs all audits, the smallest first, so memory that it keeps counts in the next audit too. The first audit
cannot fill the model process's chunk; the second does. Growth after the second therefore depends on the images.
"""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil  # type: ignore[import-untyped]  # has no types
import torch
from modicum import Client
from modicum.sources.inputs import InputSpecification
from modicum_server.model_process.architectures import build_architecture
from safetensors.torch import save_file

from benchmarks.local_server import local_client, server_process

COUNTS = (100, 1_000, 10_000)
QUICK_COUNTS = (100, 1_000, 2_000)
ARCHITECTURE, SIDE, CLASSES = "modicum:cifar_resnet8", 16, 4
HEAD_SCALE = 100.0
"""So that a network that learned nothing is confident, and its images are searched."""
THRESHOLD, PASSES = 0.6, 12
SAMPLE_SECONDS = 0.1
MEBIBYTE = 1024**2
REPORTS: tuple[Literal["json", "html"], ...] = ("json", "html")
PARTS = {
    "modicum_server.cli serve": "API",
    "modicum_server.cli worker": "worker",
    "model_service_worker": "model process",
}


def measure(*, quick: bool) -> dict[str, Any]:
    """Peak memory of each part in every audit as JSON. `growth` is over the first, `settled_growth` over the second."""
    with tempfile.TemporaryDirectory(prefix="mb-") as folder, local_client() as (client, data):
        weights = write_weights(Path(folder))
        client.models.register("tiny", weights=weights, architecture=ARCHITECTURE, input=tiny_input())
        runs = [_run(client, data, Path(folder), count) for count in (QUICK_COUNTS if quick else COUNTS)]
    first, second, last = (run["peak_mib"] for run in runs)
    growth, settled = ({part: last[part] / before[part] for part in last} for before in (first, second))
    print("memory: " + ", ".join(f"{part} x{ratio:.2f}" for part, ratio in growth.items()), flush=True)
    facts = {"model": ARCHITECTURE, "side": SIDE, "chunk": runs[-1]["chunk"]}
    return {**facts, "runs": runs, "growth": growth, "settled_growth": settled}


def _run(client: Client, data: Path, folder: Path, count: int) -> dict[str, Any]:
    """Upload and audit this many images and fetch the result. Then have the API make each report."""
    images = np.random.default_rng(count).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
    archive = folder / f"{count}.npz"
    np.savez(archive, images=images)
    begun, supervisor = time.perf_counter(), server_process(data)
    with peaks_of(supervisor) as peaks:
        photographs = client.datasets.upload(f"images-{count}", archive)
        audit = client.audits.create(
            models=["tiny"], dataset=photographs, thresholds=[THRESHOLD], passes=PASSES, controls=(), reuse=False
        )
        result = audit.result()
    for form in REPORTS:
        with peaks_of(supervisor) as reporting:
            audit.report(form)
        peaks[f"API, making the {form.upper()} report"] = reporting["API"]
    seconds = time.perf_counter() - begun
    rounded = {part: round(peak, 1) for part, peak in sorted(peaks.items())}
    searched = sum(finding.eligible for finding in result.findings)
    print(f"memory, {count:,} images ({searched:,} searched, {seconds:.0f} s): {rounded} MiB", flush=True)
    figures = {"images": count, "searched": searched, "seconds": round(seconds, 1), "peak_mib": rounded}
    return {**figures, "chunk": result.document["parameters"]["chunk_size"]}


@contextmanager
def peaks_of(supervisor: psutil.Process, every_seconds: float = SAMPLE_SECONDS) -> Iterator[dict[str, float]]:
    """Yield the peak resident memory of each part in MiB, sampled until the block ends."""
    peaks: dict[str, float] = {}
    ended = threading.Event()

    def look() -> None:
        for part, size in _resident(supervisor):
            peaks[part] = max(size, peaks.get(part, 0.0))

    def watch() -> None:
        look()
        while not ended.wait(every_seconds):
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


def write_weights(folder: Path) -> Path:
    """Write weights of an untrained network that is confident nevertheless."""
    torch.manual_seed(0)
    network = build_architecture(ARCHITECTURE, CLASSES)
    with torch.no_grad():
        next(iter(network.get_submodule("head").parameters())).mul_(HEAD_SCALE)
    path = folder / "tiny.safetensors"
    save_file(network.state_dict(), path)
    return path


def tiny_input() -> InputSpecification:
    """The input description of the tiny model."""
    return InputSpecification(height=SIDE, width=SIDE, mean=(0.5,) * 3, std=(0.25,) * 3)
