"""After a signal to stop, a service ends in time, whatever its work and its threads do."""

import json
import signal
import subprocess
import sys

from tests.waiting import PATIENCE_SECONDS

SERVICE = """
import asyncio, sys, threading
from modicum_server.commands.long_running import run_until_signal

async def work(stop):
    threading.Thread(target=threading.Event().wait).start()
    print("works", flush=True)
    await stop.wait()
    if "never" in sys.argv:
        await asyncio.Event().wait()

run_until_signal(work, stop_seconds=float(sys.argv[1]))
"""


def stopped(*words: str) -> tuple[int, list[str]]:
    """Run a service, stop it, and return its exit code and the events in its log."""
    command = [sys.executable, "-c", SERVICE, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "works\n"
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    return process.returncode, [json.loads(line)["event"] for line in log.splitlines()]


def test_work_that_never_ends_is_cut_short_with_a_line_in_the_log():
    assert stopped("0.1", "never") == (0, ["stop_cut_short"])


def test_a_thread_that_never_ends_does_not_keep_a_service_whose_work_has_ended():
    assert stopped("3600") == (0, [])
