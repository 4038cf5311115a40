"""A stand-in for `modicum-server up --data DIR ... --until-unused`: keeps the files and locks, and serves nothing."""

import fcntl
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

folder = Path(sys.argv[sys.argv.index("--data") + 1])
if os.environ.get("STAND_IN") == "fails":
    sys.stderr.write("the disk is full\n")
    sys.exit(3)
if os.environ.get("STAND_IN") == "lingers":  # as a server that takes long to stop
    signal.signal(signal.SIGTERM, lambda *_: time.sleep(600))
with (folder / "starts").open("a") as starts:
    starts.write(f"{os.getpid()} {os.getsid(0)}\n")
if os.environ.get("STAND_IN") in {"hangs", "lingers"}:
    signal.pause()

listener = socket.create_server(("127.0.0.1", 0))
(folder / "token").write_text("local-token\n")
entry = {
    "pid": os.getpid(),
    "grpc_address": f"127.0.0.1:{listener.getsockname()[1]}",
    "http_address": "",
    "started": "",
}
(folder / "server.json.new").write_text(json.dumps(entry))
(folder / "server.json.new").rename(folder / "server.json")

while True:
    time.sleep(0.02)
    with (folder / "start.lock").open("a") as start, (folder / "users.lock").open("a") as users:
        try:
            fcntl.flock(start, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        (folder / "server.json").unlink()
        sys.exit(0)
