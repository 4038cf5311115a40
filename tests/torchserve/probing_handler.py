"""A handler for tests, packed into the archive: does what the task's id says, and tells what it could reach."""

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

from modicum_server.generated.worker_pb2 import Chunk, Finished, Heartbeat, Started, Task


class ModicumHandler:
    def initialize(self, context):
        self.loaded = time.time()

    def handle(self, data, context):
        self.folder = Path(bytes(data[0]["slot_folder"]).decode())
        self.context, self.sequence = context, 0
        try:
            self.task = Task.FromString((self.folder / "task.binpb").read_bytes())
        except OSError:
            self.attempt = 0
            self.say(started=Started(device="cpu"))
            return [Chunk(attempt=0, sequence=2).SerializeToString()]
        self.attempt = self.task.attempt
        self.say(started=Started(pid=os.getpid(), device="cpu"))
        getattr(self, self.task.id.split(":")[0])()
        self.sequence += 1
        last = Chunk(attempt=self.attempt, sequence=self.sequence, finished=Finished(passes_done=7, chunk_size=4))
        return [last.SerializeToString()]

    def say(self, **body):
        from ts.handler_utils.utils import (  # noqa: PLC0415 - only TorchServe has it
            send_intermediate_predict_response,
        )

        self.sequence += 1
        chunk = Chunk(attempt=self.attempt, sequence=self.sequence, **body).SerializeToString()
        send_intermediate_predict_response([chunk], self.context.request_ids, "more", 200, self.context)

    def tell(self, facts):
        self.say(heartbeat=Heartbeat(passes_done=self.sequence, phase=json.dumps(facts)))

    def stopped(self):
        return (self.folder / "cancel").exists()

    def stream(self):
        for _ in range(3):
            time.sleep(0.05)
            self.tell("searching")

    def look(self):
        files = sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))
        digest = self.task.model_version.weights.digest
        self.tell(
            {"files": files, "bytes": (self.folder / "artifacts" / digest).read_text(), "threads": self.task.threads}
        )

    def lease(self):
        first = (self.folder / "lease").stat().st_mtime_ns
        deadline = time.monotonic() + 30
        while (self.folder / "lease").stat().st_mtime_ns <= first and time.monotonic() < deadline:
            time.sleep(0.05)
        self.tell((self.folder / "lease").stat().st_mtime_ns > first)

    def crash(self):
        os._exit(3)

    def killed(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def obey(self):
        while not self.stopped():
            time.sleep(0.05)
            self.say(heartbeat=Heartbeat(passes_done=self.sequence, phase="searching"))

    def ignore(self):
        for _ in range(600):
            time.sleep(0.1)
            self.say(heartbeat=Heartbeat(passes_done=self.sequence, phase="searching"))

    def hang(self):
        for _ in range(600):
            time.sleep(0.2)
            self.say(heartbeat=Heartbeat(passes_done=1, phase="searching"))

    def dawdle(self):
        while True:
            time.sleep(0.5)
            self.say(heartbeat=Heartbeat(passes_done=self.sequence, phase="loading"))

    def silence(self):
        time.sleep(120)

    def stale(self):
        self.attempt -= 1
        self.say(heartbeat=Heartbeat(passes_done=99, phase="another attempt's"))
        self.attempt, self.sequence = self.attempt + 1, self.sequence - 1

    def gap(self):
        self.sequence += 5
        self.tell("after a gap")
        time.sleep(0.1)

    def escape(self):
        raise RuntimeError("a bug of the handler")

    def environment(self):
        self.tell(dict(os.environ))

    def reach(self):
        secret, server = self.task.id.split(":")[1:]
        status = Path("/proc/self/status").read_text()
        self.tell(
            {
                "udp": done(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
                "tcp": done(lambda: socket.create_connection(("127.0.0.1", 9), 1)),
                "secret": done(lambda: Path(secret).read_text()),
                "write slot": done(lambda: (self.folder / "task.binpb").write_bytes(b"")),
                "write home": done(lambda: Path.home().joinpath("x").write_text("y")),
                "server environment": done(lambda: Path(f"/proc/{server}/environ").read_bytes()),
                "signal server": done(lambda: os.kill(int(server), 0)),
                "unix": done(lambda: socket.socket(socket.AF_UNIX).connect(str(Path.home() / "x"))),
                "fork": done(lambda: threading.Thread(target=int).start()),
                "capabilities": next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff")),
            }
        )


def done(attempt):
    try:
        attempt()
    except OSError:
        return False
    return True
