"""Log lines go to stderr, as JSON objects where a program reads them. A full disk does not end the program."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import structlog
from modicum_server.logs import log_as_json

log_as_json()
log = structlog.get_logger()
log.info("before")
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
log.info("while there is no room")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
log.info("after")
"""


@pytest.mark.long_after(1)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_lines_that_do_not_fit_on_a_full_disk_are_written_once_when_there_is_room(tmp_path, monkeypatch, unbuffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)

    with (tmp_path / "log").open("wb") as log:
        ended = subprocess.run([sys.executable, "-c", PROGRAM], stderr=log, check=False)

    lines = (tmp_path / "log").read_text().splitlines()
    assert ended.returncode == 0
    assert [json.loads(line)["event"] for line in lines] == ["before", "while there is no room", "after"]


@pytest.mark.long_after(1)
@pytest.mark.parametrize("form", ["log_for_people", "log_as_json"])
def test_log_lines_go_to_stderr_and_not_to_stdout(form):
    program = f"import structlog; from modicum_server import logs; logs.{form}(); structlog.get_logger().info('seen')"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert (ended.stdout, "seen" in ended.stderr) == ("", True)
