"""Folders whose files cannot be read: each refusal says why."""

import errno
import os
from pathlib import Path

import pytest
from modicum.errors import InvalidSource, ModelFolderRefused
from modicum.sources.hub_folders import hub_folder


@pytest.fixture
def closed(tmp_path, monkeypatch):
    """A folder that this user may not look into. (The root user may look into all, so that chmod does not help.)"""
    stat = Path.stat

    def refused(path, **given):
        if path.is_relative_to(tmp_path) and path != tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **given)

    monkeypatch.setattr(Path, "stat", refused)
    return tmp_path


def test_a_folder_without_permission_is_refused(closed):
    with pytest.raises(ModelFolderRefused, match=r"cannot be read: Permission denied\. Let this user read the folder"):
        hub_folder(closed)


def test_a_pipe_in_the_place_of_the_configuration_is_called_one(tmp_path):
    os.mkfifo(tmp_path / "config.json")

    with pytest.raises(InvalidSource, match=r"config\.json: expected a file, got a pipe"):
        hub_folder(tmp_path)


def test_a_number_of_too_many_digits_is_called_one(tmp_path):
    (tmp_path / "config.json").write_text('{"hidden_size": ' + "9" * 5_000 + "}")

    with pytest.raises(ModelFolderRefused, match=r"config\.json: a number has too many digits to be read; correct it"):
        hub_folder(tmp_path)
