"""The start of the `modicum` command: early interrupts, closed streams, odd names."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.model_files import program_of
from tests.waiting import eventually

COMMAND = [sys.executable, "-m", "modicum"]

#: The command, stopped in the middle of its imports.
IMPORTING = """
import sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "modicum.cli.command":
            print("importing", flush=True)
            time.sleep(600)
sys.meta_path.insert(0, Slow())
from modicum.cli import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_during_the_imports_ends_the_command_with_130_and_no_traceback(number):
    command = [sys.executable, "-c", IMPORTING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "importing\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=300)

    assert process.returncode == 130
    assert said == "modicum: interrupted\n"


def test_little_is_imported_before_interrupts_are_handled():
    code = "import sys, modicum.cli; print({'grpc', 'numpy', 'typer', 'rich', 'asyncio'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.long
def test_closed_streams_are_not_an_error(address, closed):
    environment = {**os.environ, "MODICUM_ADDRESS": address}
    line = f'"$@" {closed}'

    done = subprocess.run(
        ["sh", "-c", line, "sh", *COMMAND, "models", "list"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0
    assert done.stderr == ""


def audit(folder, address, *more):
    command = [*COMMAND, "audit", "photos", "--weights", "w.pt", "--architecture", "x:y", "--input", "imagenet", *more]
    environment = {**os.environ, "MODICUM_ADDRESS": address}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_a_name_that_is_not_utf_8_is_shown_and_refused(tmp_path, address):
    (tmp_path / "w.pt").write_bytes(program_of(b"w"))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / os.fsdecode(b"bad\xff.jpg")).write_bytes(b"a")

    done = audit(tmp_path, address)

    assert done.returncode == 2
    assert r"photos/bad\xff.jpg: the name is not valid UTF-8; rename the file" in done.stderr


@pytest.mark.long
def test_names_of_any_characters_are_sent_unchanged(tmp_path, address, script):
    names = ["[bold] a.jpg", "a b.jpg", "\u043a\u043e\u0442 :cat:.jpg"]
    (tmp_path / "w.pt").write_bytes(program_of(b"w"))
    (tmp_path / "photos").mkdir()
    for name in names:
        (tmp_path / "photos" / name).write_bytes(name.encode())
    script.watches = [([(3, "FAILED")], "end"), ([(3, "FAILED")], "end")]

    done = audit(tmp_path, address)

    assert "it died on grey [MODEL_DIED]" in done.stderr
    [manifest] = [data.decode() for data in script.artifacts.values() if b'"item"' in data]
    assert all(name in manifest for name in names)


HANGING = """
import sys
from modicum import local
local._program = lambda: [sys.executable, {stand_in!r}]
from modicum.cli import main
main()
"""


@pytest.mark.long
def test_an_interrupt_while_the_local_server_starts_ends_the_command_at_once(tmp_path):
    stand_in = str(Path(__file__).with_name("local_server_stand_in.py"))
    starts = tmp_path / "data" / "starts"
    environment = {**os.environ, "MODICUM_DATA": str(starts.parent), "STAND_IN": "lingers"}
    command = [sys.executable, "-c", HANGING.format(stand_in=stand_in), "models", "list"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        eventually(lambda: starts.exists() and starts.read_text(), "the server to start")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)

    assert process.returncode == 130
    assert said == "modicum: interrupted\n"
    server = int(starts.read_text().split()[0])
    os.kill(server, signal.SIGKILL)  # it is still there: the command did not wait for its end
