"""A slot a test."""

import pytest

from tests.handler.handler_stage import Stage


@pytest.fixture
def stage(tmp_path) -> Stage:
    (tmp_path / "artifacts").mkdir()
    return Stage(tmp_path)
