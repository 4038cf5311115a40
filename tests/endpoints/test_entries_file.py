"""The operator's file: written by a command, read anew for each use, checked even if somebody edited it."""

import json
from dataclasses import replace

import pytest
from modicum_server.domain.endpoints import granted
from modicum_server.domain.models import OutputKind
from modicum_server.endpoints.entries_file import EntriesFile
from modicum_server.ports import EndpointsUnreadable

from tests.endpoints.entries import asked

ENTRY = replace(
    asked("grpcs://models.example.org/cat/2", output_kind=OutputKind.PROBABILITIES, credential_file="/run/token"),
    addresses=("10.0.0.7", "fd12::7"),
    projects=("default", "second"),
    claim="c" * 64,
    input_name="images",
    output_name="scores",
)


@pytest.fixture
def file(tmp_path):
    return EntriesFile(tmp_path / "endpoints.json")


def test_what_is_written_is_read_again(file):
    other = replace(ENTRY, name="another")

    file.write([ENTRY, other])

    assert file.read() == (other, ENTRY)
    assert file.path.stat().st_mode & 0o022 == 0


def test_without_a_file_there_are_no_entries(file):
    assert file.read() == ()
    assert EntriesFile(None).read() == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"addresses": ["169.254.169.254"]},
        {"addresses": []},
        {"addresses": ["models.example.org"]},
        {"url": "file:///etc/passwd"},
        {"url": "grpc://models.example.org:8001/cat"},
        {"requests_per_second": 0},
        {"images_per_request": 0},
        {"timeout_seconds": 0},
        {"claim": None},
    ],
    ids=str,
)
async def test_an_edited_entry_is_checked_as_one_that_is_added(file, changed):
    file.write([ENTRY])
    document = json.loads(file.path.read_text())
    document["endpoints"][0].update(changed)
    file.path.write_text(json.dumps(document))

    with pytest.raises(EndpointsUnreadable) as refused:
        await file.entries()

    assert str(file.path) not in str(refused.value)
    assert str(file.path) in refused.value.why


@pytest.mark.parametrize(
    ("project", "name", "found"),
    [
        ("projects/default", ENTRY.name, True),
        ("projects/second/models/net/versions/1", ENTRY.url, True),
        ("projects/third", ENTRY.name, False),
        ("projects/default", "grpcs://models.example.org/cat", False),
        ("projects/default", "", False),
    ],
)
def test_an_entry_is_for_its_projects_and_its_whole_address(project, name, found):
    assert granted([ENTRY], project, name) == (ENTRY if found else None)
