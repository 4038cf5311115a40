"""The stage on which faults are played: Postgres, the API, and a worker with TorchServe, each in its own process.

Two projects have the same model. The faults hit the audits of `SUBJECT`; the audits of `BESIDE` must not notice.
A stage starts the parts and reads their state. What must hold is in invariants.py, what happens in fault.py.
"""

import contextlib
import os
import re
import shutil
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
import psycopg
from modicum import Client
from modicum.v1 import audit_service_pb2, audit_service_pb2_grpc
from psycopg.rows import dict_row

from tests import service_logs
from tests.faults import gates
from tests.faults.database import Database
from tests.faults.parts import Part, command_line, descendants
from tests.faults.subject import ARCHITECTURE, pictures, write_subject
from tests.living import lives
from tests.readiness import readiness
from tests.waiting import PATIENCE_SECONDS, eventually

SUBJECT, BESIDE = "projects/default", "projects/beside"
#: Six shards and one. First come, first served would make the one wait longer than its turn.
ITEMS: Mapping[str, int] = {SUBJECT: 24, BESIDE: 4}
TOKENS: Mapping[str, str] = {SUBJECT: "subject-" + "s" * 32, BESIDE: "beside-" + "b" * 32}
#: Leases are short, so that a death is seen soon. Shards are short, so that an audit has several.
VARIABLES: Mapping[str, str] = {
    "MODICUM_LEASE_SECONDS": "3",
    "MODICUM_RENEW_SECONDS": "1",
    "MODICUM_SHARD_SECONDS": "0.01",
    "MODICUM_GRACE_SECONDS": "4",
    "MODICUM_HANG_SECONDS": "10",
    "MODICUM_WORKER_METRICS_PORT": "0",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
MODEL_PROCESS, JAVA = "model_service_worker", "org.pytorch.serve.ModelServer"


class Stage:
    """The parts, and queries about them. `stage` creates one."""

    def __init__(self, folder: Path, variables: Mapping[str, str], database: type[Database] = Database) -> None:
        self.folder = folder
        self.tmp = folder / "tmp"
        self.artifacts = folder / "artifacts"
        self._variables = dict(variables)
        self.database = database(folder / "postgres")
        self.parts: list[Part] = []
        #: Parts that have stopped are included.
        self.all_parts: list[Part] = []
        #: Acknowledged audits by project, and how many more may exist because their acknowledgement was lost.
        self.acknowledged: dict[str, set[str]] = {project: set() for project in TOKENS}
        self.unacknowledged: Counter[str] = Counter()
        #: How long the parts took to start, the model's process included.
        self.start_seconds = 0.0
        self._clients: dict[str, Client] = {}

    @property
    def api(self) -> Part:
        """The API."""
        return self.parts[0]

    @property
    def workers(self) -> list[Part]:
        """All workers. The permanent one is first."""
        return self.parts[1:]

    @property
    def worker(self) -> Part:
        """The permanent worker."""
        return self.parts[1]

    @property
    def environment(self) -> dict[str, str]:
        """Environment of every part, without the variables that a developer has set for another server."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("MODICUM_", "PG"))}
        places = {"MODICUM_DATABASE_URL": self.database.url, "MODICUM_ARTIFACTS_URL": str(self.artifacts)}
        return ours | places | {"TMPDIR": str(self.tmp)} | dict(VARIABLES) | self._variables

    def client(self, project: str = SUBJECT) -> Client:
        """The project's client. It lives as long as the stage."""
        if project not in self._clients:
            self._clients[project] = Client(self.address, token=TOKENS[project], project=project)
        return self._clients[project]

    @property
    def address(self) -> str:
        """host:port of gRPC."""
        return f"127.0.0.1:{self._port('--grpc-port')}"

    @property
    def http_url(self) -> str:
        """http://host:port of the HTTP API."""
        return f"http://127.0.0.1:{self._port('--http-port')}"

    def sql(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Run a query on its own connection. Return the rows."""
        with psycopg.connect(self.database.url, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def value(self, query: str, *values: object) -> Any:
        """The first column of the first row."""
        return next(iter(self.sql(query, *values)[0].values()))

    def holder(self, audit: str) -> Part | None:
        """The worker that holds a shard of the audit."""
        rows = self.sql("SELECT worker FROM shards WHERE audit = %s AND lease_until IS NOT NULL", audit)
        pids = {pid_of(row["worker"]) for row in rows}
        return next((worker for worker in self.workers if worker.pid in pids), None)

    def java(self, worker: Part | None = None) -> psutil.Process:
        """The Java process of a worker's TorchServe."""
        return self._descendant(worker or self.worker, JAVA)

    def model_process(self, worker: Part | None = None) -> psutil.Process:
        """The model's process of a worker: the innermost one in its sandbox."""
        return self._descendant(worker or self.worker, MODEL_PROCESS)

    def last_of_watch(self, project: str, name: str, *, after_sequence: int) -> int:
        """Watch an ended audit after a sequence number. Return the last sequence number that arrives."""
        with grpc.insecure_channel(self.address) as channel:
            request = audit_service_pb2.WatchAuditRequest(name=name, after_sequence=after_sequence)
            metadata = (("authorization", f"Bearer {TOKENS[project]}"),)
            stub = audit_service_pb2_grpc.AuditServiceStub(channel)
            replies = list(stub.WatchAudit(request, timeout=PATIENCE_SECONDS, metadata=metadata, wait_for_ready=True))
            return replies[-1].audit.sequence

    def metrics(self, part: Part) -> dict[str, float]:
        """The metrics of the API or of a worker, each summed over its labels.

        Raises:
            OSError: the part is away.
        """
        port = self._port("--http-port") if part is self.api else _last(part.lines("worker_started"), "metrics_port")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as response:
            return _summed(response.read().decode())

    @contextmanager
    def another_worker(self, **variables: str) -> Iterator[Part]:
        """Yield a second worker that is ready. It stops at the end of the block."""
        worker = self._part_worker(len(self.all_parts), variables)
        self.parts.append(worker)
        self.all_parts.append(worker)
        worker.start()
        try:
            worker.wait_ready()
            yield worker
        finally:
            worker.close()
            self.parts.remove(worker)
            shutil.rmtree(worker.environment["MODICUM_RUN_FOLDER"], ignore_errors=True)

    def open(self) -> None:
        """Start everything, and register the model and its pictures in both projects."""
        for place in (self.folder, self.tmp):
            place.mkdir(exist_ok=True)
            place.chmod(0o711)
        os.environ["TMPDIR"], tempfile.tempdir = str(self.tmp), None  # the socket folder of Postgres goes there too
        try:
            self.database.start()
        finally:
            del os.environ["TMPDIR"]
            tempfile.tempdir = None
        for project, token in TOKENS.items():
            self.database.add_project(project, token)
        gates.install(self.database.url)
        self._start_parts()
        write_subject(self.folder)
        for number, project in enumerate(TOKENS):
            self.register(project, seed=number)

    def register(self, project: str, *, seed: int) -> None:
        """Register the model `m` and the data set `pictures`."""
        self.client(project).models.register(
            "m",
            weights=self.folder / "w.safetensors",
            architecture=ARCHITECTURE,
            input=self.folder / "input.toml",
            class_labels=self.folder / "labels.txt",
        )
        np.savez(self.folder / f"{seed}.npz", images=pictures(ITEMS[project], seed))
        self.client(project).datasets.upload("pictures", self.folder / f"{seed}.npz")

    def close(self) -> None:
        """Stop everything."""
        for client in self._clients.values():
            client.close()
        for part in reversed(self.parts):
            part.close()
        self.database.stop()

    def wait_whole(self) -> None:
        """Wait until every part works."""
        for part in self.parts:
            part.wait_ready()

    def too_many(self) -> list[str]:
        """Command lines of surplus processes: a worker has one TorchServe, and one model's process per slot."""
        found = []
        for worker in self.workers:
            for words, most in ((JAVA, 1), (MODEL_PROCESS, _last(worker.lines("worker_started"), "slots"))):
                there = _innermost(worker, words)
                found += [command_line(each) for each in there] if len(there) > most else []
        return found

    def strays(self) -> set[psutil.Process]:
        """Processes that name this stage's folder but descend from no living part and not from Postgres."""
        known = {*self.database.pids, *(part.pid for part in self.parts if part.alive), os.getpid()}
        kept = set(known)
        for pid in known - {os.getpid()}:
            kept |= {each.pid for each in descendants(pid)}
        return {each for each in psutil.process_iter() if each.pid not in kept and self._is_ours(each) and lives(each)}

    def _is_ours(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error, OSError):  # the name of another user's folder may be too long
            return str(self.folder) in command_line(process) or str(self.folder) in " ".join(
                [process.cwd(), *process.environ().values()]
            )
        return False

    def _start_parts(self) -> None:
        ready_file = self.folder / "api.json"
        words = ["serve", "--await-schema", "--ready-file", str(ready_file), "--grpc-port", "0", "--http-port", "0"]
        api = Part("api", words, self.environment, self.folder / "api.log", ready=self._api_responds)
        self.parts = [api, self._part_worker(1, {})]
        self.all_parts = [*self.parts]
        began = time.monotonic()
        for part in reversed(self.parts):
            part.start()
        text = eventually(lambda: ready_file.exists() and ready_file.read_text(), f"the API to come up; {api.log}")
        found = dict(re.findall(r'"(\w+)_address": "[^"]*:(\d+)"', text))
        # On a restart it listens on the ports that its clients know.
        api.words[-3], api.words[-1] = found["grpc"], found["http"]
        self.worker.wait_ready()
        self.start_seconds = time.monotonic() - began

    def _part_worker(self, number: int, variables: Mapping[str, str]) -> Part:
        run_folder = {"MODICUM_RUN_FOLDER": str(self.folder / f"run{number}")}
        environment = self.environment | run_folder | variables
        log = self.folder / f"worker{number}.log"
        return Part(f"worker{number}", ["worker", "--await-schema"], environment, log, ready=_worker_started)

    def _api_responds(self, api: Part) -> bool:
        with contextlib.suppress(OSError):
            return bool(readiness(self.http_url))
        return False

    def _descendant(self, worker: Part, words: str) -> psutil.Process:
        def find() -> psutil.Process | None:
            return max(_running(worker, words), key=lambda each: (len(each.parents()), each.pid), default=None)

        return eventually(find, f"a process of {words} below {worker.name}")

    def _port(self, option: str) -> str:
        return self.api.words[self.api.words.index(option) + 1]


@contextmanager
def stage(database: type[Database] = Database, **variables: str) -> Iterator[Stage]:
    """Yield a running stage whose parts have these variables. Everything is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="mf-"))
    playing = Stage(folder, variables, database)
    try:
        with service_logs.shown(folder):
            playing.open()
            yield playing
    finally:
        playing.close()
        shutil.rmtree(folder, ignore_errors=True)


def pid_of(worker: str) -> int:
    """The process id in the name under which a worker holds shards."""
    return int(worker.rsplit("-", 3)[-3]) if worker else 0


def _worker_started(worker: Part) -> bool:
    return any(pid_of(f"{line['worker']}-0") == worker.pid for line in worker.lines("worker_started"))


def _running(worker: Part, words: str) -> list[psutil.Process]:
    """Processes below a worker whose command line contains these words."""
    return [each for each in descendants(worker.pid) if words in command_line(each) and lives(each)]


def _innermost(worker: Part, words: str) -> list[psutil.Process]:
    """The same without processes that only contain another one: the parent-death wrapper and the sandbox."""
    found = _running(worker, words)
    holders: set[int] = set()
    for each in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            holders.add(each.ppid())
    return [each for each in found if each.pid not in holders]


def _last(lines: list[dict[str, Any]], name: str) -> Any:
    return lines[-1][name] if lines else 0


def _summed(exposition: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    for line in exposition.splitlines():
        if line and not line.startswith("#"):
            name = re.split(r"[{ ]", line, maxsplit=1)[0]
            sums[name] = sums.get(name, 0.0) + float(line.rsplit(" ", 1)[1])
    return sums
