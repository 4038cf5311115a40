"""A slot a test."""

import pytest

from tests.model_process.model_process_stage import Stage


@pytest.fixture
def stage(tmp_path) -> Stage:
    (tmp_path / "artifacts").mkdir()
    return Stage(tmp_path)
