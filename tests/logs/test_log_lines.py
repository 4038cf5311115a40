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


BROKEN_OFF = """
import asyncio, gc
from modicum_server.logs import log_as_json

class ExecuteBatchError(Exception):
    pass

async def reply():
    raise ExecuteBatchError("Failed to send")

async def main():
    for _ in range(3):
        asyncio.get_running_loop().create_task(reply())
        await asyncio.sleep(0)
    gc.collect()

log_as_json()
asyncio.run(main())
"""


def test_calls_that_callers_break_off_get_one_line_without_a_traceback():
    ended = subprocess.run([sys.executable, "-c", BROKEN_OFF], capture_output=True, text=True, check=True)

    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["callers broke off calls while the reply was being sent"]
    assert "exception" not in lines[0]
