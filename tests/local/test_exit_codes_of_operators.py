"""Exit codes of `modicum-server` that are a verdict, as a shell sees them when whoever reads its output leaves."""

import shlex
import subprocess
import sys

import pytest

from tests.local.test_local_commands import environment, words
from tests.local.test_verify_command import DIGESTS, place_of, settings  # noqa: F401 - a fixture
from tests.readers import READERS

WRONG_VERDICT = """
import sys
from types import SimpleNamespace
from modicum_server.selftest import command
command.load_digits = lambda: None
command.row = lambda outcome: ("",) * len(command.WIDTHS)
command.outcomes = lambda digits, seed: [SimpleNamespace(right=False)] * 2
sys.argv = ["modicum-server", "selftest"]
from modicum_server.cli import main
main()
"""


def in_shell(reader, command, **variables):
    """Run a command as bash does, with such a reader of its output."""
    line = reader % shlex.join(map(str, command))
    return subprocess.run(
        ["bash", "-c", line],
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture
def damaged(settings, tmp_path):  # noqa: F811 - the fixture above
    """Settings of a store that has lost an artifact."""
    place_of(tmp_path, DIGESTS[0]).unlink()
    return settings


@pytest.mark.long_after(1)
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_damage_is_the_exit_code_of_verify_whatever_reads_it(damaged, reader):
    ended = in_shell(reader, words("verify"), **damaged)

    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.long
def test_a_sound_store_ends_verify_with_0_whatever_reads_it(settings, reader):  # noqa: F811 - the fixture above
    assert in_shell(reader, words("verify"), **settings).returncode == 0


@pytest.mark.long
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_backup_and_its_restore_end_alike_whatever_reads_them(settings, empty_database_url, tmp_path, reader):  # noqa: F811
    new = {"MODICUM_DATABASE_URL": empty_database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "new")}

    backup = in_shell(reader, words("backup", tmp_path / "backup"), **settings)
    restored = in_shell(reader, words("restore", tmp_path / "backup"), **new)

    assert (backup.returncode, restored.returncode) == (0, 0), backup.stderr + restored.stderr


@pytest.mark.long
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_backup_of_a_damaged_store_and_its_restore_end_with_1_whatever_reads_them(
    damaged, empty_database_url, tmp_path, reader
):
    new = {"MODICUM_DATABASE_URL": empty_database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "new")}

    backup = in_shell(reader, words("backup", tmp_path / "backup"), **damaged)
    restored = in_shell(reader, words("restore", tmp_path / "backup"), **new)

    assert (backup.returncode, restored.returncode) == (1, 1), backup.stderr + restored.stderr


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.long
def test_a_wrong_verdict_is_the_exit_code_of_the_selftest_whatever_reads_it(reader):
    ended = in_shell(reader, (sys.executable, "-c", WRONG_VERDICT))

    assert ended.returncode == 1, ended.stderr


@pytest.mark.long_after(1)
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_wrong_usage_is_the_exit_code_whatever_reads_the_message(reader):
    assert in_shell(reader, words("verify", "--after", "here")).returncode == 2


@pytest.mark.long
def test_a_full_disk_is_told_beside_the_exit_code(damaged):
    ended = in_shell(READERS["a full disk"], words("verify"), **damaged)

    assert "stdout could not be written: No space left on device; the exit code is still valid" in ended.stderr
