"""Fixtures of the worker's tests."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.settings import Settings
from modicum_server.store.postgres import PostgresStore

from tests.worker.worker_scene import Scene


@pytest.fixture
async def scene(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    store = PostgresStore(database_url)
    settings = Settings(worker_metrics_port=0, grace_seconds=4, lease_seconds=5, renew_seconds=0.1)
    scene = Scene(store, FolderArtifactStore(tmp_path), settings)
    yield scene
    for stop in scene.stops:
        stop.set()
    ends = await asyncio.gather(*scene.tasks, return_exceptions=True)  # a killed one was cancelled; wait for all others
    scene.collect()
    await store.close()
    assert [end for end in ends if end is not None and not isinstance(end, asyncio.CancelledError)] == []


@pytest.fixture(autouse=True)
def plain_log() -> None:
    """Log as JSON. A failed test shows the lines, and plain JSON is faster to write than coloured text."""
    processors = [
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(processors=processors)
