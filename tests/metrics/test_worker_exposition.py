"""The metrics endpoint of a worker."""

import asyncio
import re
import urllib.error
import urllib.request

import psutil
import pytest
from modicum_server.metrics.worker import WorkerMetrics
from modicum_server.model_server import ModelServerHealth
from modicum_server.worker.exposition import exposed


async def get(host: str, port: int) -> str:
    def read() -> str:
        with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=60) as response:
            text: str = response.read().decode()
            return text

    return await asyncio.to_thread(read)


async def test_it_listens_only_on_the_configured_address():
    metrics = WorkerMetrics()

    async with exposed(metrics.registry, host="127.0.0.2", port=0, healthy=lambda: True) as port:
        assert "modicum_worker_slots" in await get("127.0.0.2", port)
        with pytest.raises(urllib.error.URLError):
            await get("127.0.0.1", port)


async def test_an_address_of_another_machine_is_refused_in_words():
    with pytest.raises(OSError, match="MODICUM_WORKER_METRICS_HOST to an address of this machine"):
        async with exposed(WorkerMetrics().registry, host="192.0.2.1", port=0, healthy=lambda: True):
            pass


async def test_it_says_when_its_process_started_so_that_starts_can_be_counted():
    async with exposed(WorkerMetrics().registry, port=0, healthy=lambda: True) as port:
        text = await get("127.0.0.1", port)

    [start] = re.findall(r"^process_start_time_seconds (\S+)$", text, re.MULTILINE)
    assert abs(float(start) - psutil.Process().create_time()) < 1  # both are the kernel's, to its hundredths


async def test_a_scrape_checks_torchserve():
    metrics, health = WorkerMetrics(), ModelServerHealth(up=True, starts=2, memory_bytes={"slot0": 7})
    async with exposed(metrics.registry, port=0, healthy=lambda: True) as port:
        assert "modicum_worker_torchserve_up 0.0" in await get("127.0.0.1", port)

        metrics.models.watch_server(lambda: health)

        text = await get("127.0.0.1", port)
    assert "modicum_worker_torchserve_up 1.0" in text
    assert "modicum_worker_torchserve_starts_total 2.0" in text
    assert 'modicum_worker_model_memory_bytes{slot="slot0"} 7.0' in text
