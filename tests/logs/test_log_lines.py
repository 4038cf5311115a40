"""Log lines: one JSON object each, and none that ends the work it tells of."""

import json
import subprocess
import sys

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
