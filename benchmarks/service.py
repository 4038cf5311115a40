"""Part (c): a whole audit through API, queue, TorchServe and Postgres against the bare loop on the same images.

The service starts as for a user's command. The model is registered, the photographs are uploaded, and the audit reuses
no stored result. The bare loop runs before and after it in this process, with as many threads as the service's slot.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modicum import Client, Dataset, ModelVersion

from benchmarks.local_server import local_client
from benchmarks.loop import run
from benchmarks.subjects import Absent, Source, Subject, cifar_resnet, efficientnet_lite, load

CIFAR_IMAGES, PHOTOGRAPHS = 96, 8
PASSES = 600
QUICK_SHARE = 1 / 3
WARM_UP_PASSES = 20


def measure(data: Path | None, *, quick: bool) -> dict[str, Any]:
    """Measure the CIFAR network if available, otherwise the packaged one; both in a full run. Return JSON."""
    share = QUICK_SHARE if quick else 1.0
    sources: list[tuple[Callable[[], Source], int]] = [
        (lambda: cifar_resnet(20, data), CIFAR_IMAGES),
        (lambda: efficientnet_lite("lite0"), PHOTOGRAPHS),
    ]
    rows: list[dict[str, Any]] = []
    absent: list[str] = []
    for source, count in sources:
        if quick and rows:
            break
        try:
            rows.append(compared(load(source(), round(count * share)), passes=PASSES))
        except Absent as error:
            absent.append(str(error))
    return {"rows": rows, "absent": absent}


def compared(subject: Subject, passes: int) -> dict[str, Any]:
    """One subject: seconds of the audit over those of the loop, and the seconds until a worker was ready."""
    begun = time.perf_counter()
    with local_client() as (client, _):
        version = _register(client, subject.source)
        start_seconds = time.perf_counter() - begun
        photographs = _upload(client, subject)
        _audit(client, version, photographs, subject, WARM_UP_PASSES)
        _, before = run(subject, passes)
        service_seconds, sizes = _audit(client, version, photographs, subject, passes)
        findings, after = run(subject, passes)
    loop_seconds = (before + after) / 2
    row = {
        "name": subject.source.name,
        "n": len(findings),
        "passes": passes,
        "loop_seconds": [round(before, 2), round(after, 2)],
        "service_seconds": round(service_seconds, 2),
        "start_seconds": round(start_seconds, 2),
        "ratio": service_seconds / loop_seconds,
        "mean_size_loop": sum(finding.subset.size for finding in findings if finding.subset) / len(findings),
        "mean_size_service": sum(sizes) / len(sizes),
    }
    print(
        f"service, {row['name']}: {row['ratio']:.2f} of the bare loop "
        f"({service_seconds:.1f} s / {loop_seconds:.1f} s), {start_seconds:.1f} s of start",
        flush=True,
    )
    return row


def _register(client: Client, source: Source) -> ModelVersion:
    """Register the model. Returns when a worker has loaded and checked it, so all parts are running."""
    return client.models.register(
        "benchmarked", weights=source.weights, architecture=source.architecture, input=source.input
    )


def _upload(client: Client, subject: Subject) -> Dataset:
    with tempfile.TemporaryDirectory(prefix="mb-") as folder:
        for number, file in enumerate(subject.files):
            shutil.copyfile(file, Path(folder) / f"{number:05}{file.suffix}")
        return client.datasets.upload("photographs", folder)


def _audit(
    client: Client, version: ModelVersion, photographs: Dataset, subject: Subject, passes: int
) -> tuple[float, list[int]]:
    """Seconds from the request to the downloaded result, and the subset sizes."""
    begun = time.perf_counter()
    audit = client.audits.create(
        models=[version],
        dataset=photographs,
        thresholds=[subject.source.threshold],
        passes=passes,
        controls=(),
        reuse=False,
    )
    result = audit.result()
    seconds = time.perf_counter() - begun
    return seconds, [finding.subset.size for finding in result.findings if finding.subset]
