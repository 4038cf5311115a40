import shutil
from pathlib import Path

import pytest

from tests.contract import lint


@pytest.fixture
def copy(tmp_path):
    """A contract that a test may change."""
    folder = tmp_path / "proto"
    shutil.copytree(lint.PROTO, folder, ignore=shutil.ignore_patterns("google"))
    return folder


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_the_contract_is_clean_and_breaks_no_client():
    assert lint.lint() == ""
    assert lint.breaking() == ""


@pytest.mark.long
def test_a_field_without_a_comment_is_found(copy):
    spoil(copy / "modicum/v1/artifact.proto", "  // Length in bytes.\n", "")

    assert "size_bytes" in lint.lint(copy)


def test_a_changed_field_number_is_found(copy):
    spoil(copy / "modicum/v1/artifact.proto", "int64 size_bytes = 3", "int64 size_bytes = 30")

    assert '"3"' in lint.breaking(copy)
