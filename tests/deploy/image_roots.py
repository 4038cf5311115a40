"""Runs what an image starts in the image's own files: read-only, as the user that it names, with secrets as files."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from tests.waiting import eventually
from tools.images.programs import found
from tools.images.storage import Storage

#: Where engines mount secrets.
SECRETS = "/run/secrets"
#: What bubblewrap needs to hand over to `setpriv`, which needs them to become the user, and then drops them.
FOR_SETPRIV = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")


@dataclass(frozen=True, slots=True)
class Root:
    """An image: its files, and its configuration as engines read it (`Entrypoint`, `Cmd`, `Env`, `User`, ...)."""

    files: Path
    configuration: Mapping[str, Any]

    @property
    def command(self) -> list[str]:
        """What it starts."""
        return [*self.configuration["Entrypoint"], *self.configuration["Cmd"]]

    @property
    def probe(self) -> list[str]:
        """Its health check."""
        kind, *words = self.configuration["Healthcheck"]["Test"]
        assert kind == "CMD", kind
        return list(words)


@contextmanager
def unpacked(storage: Storage, image: str) -> Iterator[Root]:
    """Yield the root of an image."""
    with storage.unpacked(image) as files:
        yield Root(files, storage.document(image, form="Docker")["config"])


@dataclass(frozen=True, slots=True)
class Place:
    """What a container gets beside its image: variables, a folder of secrets, and the folder of the artifacts."""

    secrets: Path
    artifacts: Path
    variables: Mapping[str, str] = field(default_factory=dict)


def confined(root: Root, place: Place, words: Sequence[str], *, more: Sequence[str] = ()) -> list[str]:
    """Return the command line of `words` in the root; `more` are further words of bubblewrap."""
    variables = {**dict(pair.split("=", 1) for pair in root.configuration["Env"]), **place.variables}
    user, group = root.configuration["User"].split(":")
    artifacts = variables["MODICUM_ARTIFACTS_URL"]
    line = [found("bwrap") or "bwrap", *more, "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    line += ["--cap-drop", "ALL", *(word for name in FOR_SETPRIV for word in ("--cap-add", name))]
    line += [
        "--ro-bind",
        str(root.files),
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--perms",
        "1777",
        "--tmpfs",
        "/tmp",
    ]
    line += ["--tmpfs", "/run", "--ro-bind", str(place.secrets), SECRETS, "--bind", str(place.artifacts), artifacts]
    line += ["--clearenv", *(word for pair in variables.items() for word in ("--setenv", *pair))]
    line += ["--", "setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs"]
    line += ["--inh-caps=-all", "--bounding-set=-all"]
    # Only the user may enter the folder, so that bubblewrap could not.
    return [*line, "env", f"--chdir={root.configuration['WorkingDir']}", *words]


def run(root: Root, place: Place, *words: str) -> str:
    """Run a command in the root to its end, and return what it prints."""
    done = subprocess.run(confined(root, place, words), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


class Container:
    """What an image starts, running. It ends with the block."""

    def __init__(self, root: Root, place: Place, log: Path) -> None:
        self.root, self.place, self.log = root, place, log
        reading, writing = os.pipe()
        line = confined(root, place, root.command, more=("--info-fd", str(writing)))
        with log.open("ab") as output:
            self._outer = subprocess.Popen(line, stdout=output, stderr=output, pass_fds=(writing,))
        os.close(writing)
        with os.fdopen(reading) as told:
            inner = psutil.Process(json.loads(told.read())["child-pid"])
        #: The program itself, below the first process of its namespace, which waits for orphans as Docker's does.
        self.process = eventually(lambda: next(iter(inner.children()), None), f"{root.command} to start")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._outer.poll() is None:
            self._outer.kill()
        self._outer.wait()

    @property
    def healthy(self) -> bool:
        """Whether the health check of the image passes."""
        assert self._outer.poll() is None, f"{self.root.command} ended:\n{self.log.read_text()[-4000:]}"
        line = confined(self.root, self.place, self.root.probe)
        return subprocess.run(line, capture_output=True, check=False, timeout=60).returncode == 0

    def stop(self, seconds: float) -> int:
        """Send SIGTERM as an engine does, wait at most so many seconds, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._outer.wait(seconds)

    @property
    def processes(self) -> list[psutil.Process]:
        """The program and everything that it started."""
        return [self.process, *self.process.children(recursive=True)]
