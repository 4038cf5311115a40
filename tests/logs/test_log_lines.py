"""Log lines: on stderr, one JSON object each where a program reads them, and none that ends the work it tells of."""

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


def test_lines_that_a_full_disk_keeps_out_wait_until_there_is_room(tmp_path):
    with (tmp_path / "log").open("wb") as log:
        ended = subprocess.run([sys.executable, "-c", PROGRAM], stderr=log, check=False)

    lines = (tmp_path / "log").read_text().splitlines()
    assert ended.returncode == 0
    assert [json.loads(line)["event"] for line in lines] == ["before", "while there is no room", "after"]


@pytest.mark.parametrize("form", ["log_for_people", "log_as_json"])
def test_lines_leave_stdout_to_what_a_command_answers(form):
    program = f"import structlog; from modicum_server import logs; logs.{form}(); structlog.get_logger().info('seen')"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert (ended.stdout, "seen" in ended.stderr) == ("", True)
