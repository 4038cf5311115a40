"""Runs an audit from the images that `make images` built, and prints what was checked.

python -m tests.deploy.image_trial [--storage FOLDER] [--target api] [--keep-logs FOLDER]

Postgres is the embedded one of the tests. The API and the worker run in the files of their images: read-only, as the
images' user, without capabilities, each in its own namespace of processes, with secrets as files. All ports are on
loopback. Exit codes: 0 all checks passed, 1 one did not.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from modicum import Audit, AuditState, Client
from modicum_server.local.postgres_roles import OWNER, SERVICE

from tests.acceptance.acceptance_stage import ARCHITECTURE, patches, write_materials
from tests.deploy.image_postgres import HOST, Postgres
from tests.deploy.image_roots import SECRETS, Container, Place, Root, run, unpacked
from tests.ports import free_port
from tests.waiting import eventually
from tools.images.building import TARGETS, image_of
from tools.images.programs import ImageError, demand
from tools.images.storage import STORAGE, Storage

USER = 10001
#: Before an address of version 4, where a socket takes both versions.
MAPPED = "::ffff:"
#: As long as compose.yaml gives a worker before it kills it.
STOP_SECONDS = 30
#: Pictures of the audit whose shard is stopped: more than a worker searches within its grace.
LONG_PICTURES = 600
AUDIT_SECONDS = 300
#: Of the whole trial, so that a worker that cannot start its models ends it with the log.
TRIAL_SECONDS = 900
LOG_CHARACTERS = 4000
TOKEN_BYTES = 16


@dataclass(slots=True)
class Checks:
    """What was checked, with what was seen, in the order of the trial."""

    rows: list[tuple[str, str, bool]] = field(default_factory=list)

    def add(self, what: str, seen: object, *, passed: bool = True) -> None:
        """Add a row, and show it."""
        self.rows.append((what, str(seen), passed))
        print(f"{'passed' if passed else 'FAILED'}: {what}: {seen}", flush=True)

    def table(self) -> str:
        """The rows as a table of Markdown."""
        lines = [f"| {what} | {seen} | {'passed' if passed else 'FAILED'} |" for what, seen, passed in self.rows]
        return "\n".join(["| check | seen | |", "|---|---|---|", *lines])


class Trial:
    """Postgres, the places of the containers, and what was checked so far."""

    def __init__(self, folder: Path, roots: Mapping[str, Root]) -> None:
        self.folder, self.roots, self.checks = folder, roots, Checks()
        self.postgres = Postgres(folder / "postgres")
        self.grpc_port, self.http_port, self.metrics_port = free_port(), free_port(), free_port()
        self.artifacts = self._own_folder("artifacts")

    def place(self, role: str, **variables: str) -> Place:
        """What a container gets that connects as this role."""
        folder = self._own_folder(f"secrets-of-{role}")
        self._own_file(folder / "pgpass", self.postgres.password_line(role))
        common = {
            "PGPASSFILE": f"{SECRETS}/pgpass",
            "MODICUM_DATABASE_URL": self.postgres.url(SERVICE),
            "MODICUM_HOST": HOST,
            "MODICUM_GRPC_PORT": str(self.grpc_port),
            "MODICUM_HTTP_PORT": str(self.http_port),
            "MODICUM_WORKER_METRICS_PORT": str(self.metrics_port),
            "OMP_NUM_THREADS": "1",
        }
        return Place(folder, self.artifacts, {**common, **variables})

    @contextmanager
    def container(self, target: str) -> Iterator[Container]:
        """Yield what an image starts, when its health check passes."""
        begun = time.monotonic()
        with Container(self.roots[target], self.place(SERVICE), self.folder / f"{target}.log") as container:
            eventually(lambda: container.healthy, f"the health check of {target}", pause_seconds=0.5)
            self.checks.add(f"health check of {target}", f"healthy after {time.monotonic() - begun:.0f} s")
            yield container

    def secrets(self) -> list[str]:
        """Everything that must stand in no environment."""
        return [*self.postgres.passwords.values(), (self.folder / "token").read_text().strip()]

    def _own_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, USER, USER)
        return folder

    @staticmethod
    def _own_file(path: Path, text: str) -> None:
        path.touch(mode=0o600)
        os.chown(path, USER, USER)
        path.write_text(text)


def prepare(trial: Trial) -> None:
    """Migrate from the image of the API, and make a token in a file."""
    owner = trial.place(OWNER, MODICUM_OWNER_DATABASE_URL=trial.postgres.url(OWNER))
    run(trial.roots["api"], owner, "modicum-server", "migrate")
    trial.checks.add("modicum-server migrate", "password of the owner by PGPASSFILE")
    words = ("token", "create", "--principal", "trial", "--role", "auditor")
    token = run(trial.roots["api"], trial.place(SERVICE), "modicum-server", *words).strip().splitlines()[-1]
    assert len(token) >= TOKEN_BYTES, "no token was printed"
    (trial.folder / "token").write_text(token)
    os.environ["MODICUM_TOKEN_FILE"] = str(trial.folder / "token")
    trial.checks.add("modicum-server token create", "password of the service by PGPASSFILE")


def look_at_confinement(trial: Trial, container: Container, target: str) -> None:
    """Check user, capabilities, files and environment of a running container."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{container.process.pid}/status").read_text().splitlines()
    )
    users, nothing = status["Uid"].split(), {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")}
    trial.checks.add(f"{target} runs as user {USER}", f"uid {users[0]}", passed=set(users) == {str(USER)})
    trial.checks.add(f"{target} has no capability", sorted(nothing), passed=nothing == {0})
    trial.checks.add(f"{target} may gain none", "no_new_privs", passed=status["NoNewPrivs"] == "1")
    mounts = Path(f"/proc/{container.process.pid}/mounts").read_text().splitlines()
    [options] = [line.split()[3] for line in mounts if line.split()[1] == "/"][-1:]
    trial.checks.add(f"root of {target} is read-only", options.split(",")[0], passed=options.split(",")[0] == "ro")
    processes = container.processes
    told = [process.pid for process in processes if told_secret(process, trial.secrets())]
    trial.checks.add(f"no secret in an environment of {target}", f"{len(processes)} processes", passed=not told)
    listening = {each.laddr.ip for process in processes for each in net_of(process) if each.status == "LISTEN"}
    only = {ip.removeprefix(MAPPED) for ip in listening} <= {HOST, "::1"}
    trial.checks.add(
        f"{target} listens on loopback only", ", ".join(sorted(listening)), passed=only and bool(listening)
    )


def told_secret(process: psutil.Process, secrets: list[str]) -> bool:
    """Whether the environment of a process has one of these; one that has ended has none."""
    try:
        environment = Path(f"/proc/{process.pid}/environ").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(secret in environment for secret in secrets)


def net_of(process: psutil.Process) -> list[object]:
    """The TCP sockets of a process; one that has ended has none."""
    try:
        return process.net_connections(kind="tcp")
    except psutil.NoSuchProcess:
        return []


def audit_once(trial: Trial, client: Client) -> None:
    """Register a model and photographs, and audit them with the usual controls."""
    begun, materials = time.monotonic(), trial.folder
    client.models.register(
        "patches",
        weights=materials / "w.safetensors",
        architecture=ARCHITECTURE,
        input=materials / "input.toml",
        class_labels=materials / "labels.txt",
    )
    audit = client.audits.create(models=["patches"], dataset="photos", thresholds=[0.9], passes=150)
    last = audit.wait(AUDIT_SECONDS)
    seen = f"{last.state.name} in {time.monotonic() - begun:.0f} s, {len(audit.result().findings)} findings"
    trial.checks.add("an audit through the client", seen, passed=last.state is AuditState.SUCCEEDED)


def begin_long_audit(trial: Trial, client: Client) -> Audit:
    """Begin an audit with a shard that takes longer than a worker's grace."""
    import numpy as np  # noqa: PLC0415 - read when a worker is up already

    labels = np.arange(LONG_PICTURES) % 3
    np.savez(trial.folder / "long.npz", images=patches(labels, seed=9), labels=labels)
    client.datasets.upload("long", trial.folder / "long.npz")
    return client.audits.create(models=["patches"], dataset="long", thresholds=[0.9], passes=600, controls=[])


def stop_in_a_shard(trial: Trial, worker: Container, audit: Audit) -> int:
    """Stop the worker within a shard, check that it is handed back, and return how many findings are stored."""
    held = "SELECT count(*) FROM shards WHERE audit = %s AND lease_until IS NOT NULL"
    stored = "SELECT count(*) FROM findings WHERE audit = %s"
    eventually(lambda: trial.postgres.value(held, audit.name) == 1, "a shard of the long audit to be held")
    eventually(lambda: trial.postgres.value(stored, audit.name) > 0, "a finding of the long audit")
    begun = time.monotonic()
    code = worker.stop(STOP_SECONDS)
    seconds = time.monotonic() - begun
    trial.checks.add("SIGTERM in a long shard", f"code {code} after {seconds:.0f} s", passed=code == 0)
    still = trial.postgres.value(held, audit.name)
    queued = trial.postgres.value("SELECT count(*) FROM shards WHERE audit = %s AND stage = 'SEARCH'", audit.name)
    found = int(trial.postgres.value(stored, audit.name))
    seen = f"{still} held, {queued} queued, {found} of {LONG_PICTURES} findings stored"
    trial.checks.add("the shard is handed back", seen, passed=still == 0 and queued > 0 and 0 < found < LONG_PICTURES)
    return found


def finish(trial: Trial, audit: Audit, before: int) -> None:
    """Wait for the end of the audit under another worker, and check that every picture has one finding."""
    last = audit.wait(AUDIT_SECONDS)
    found = int(trial.postgres.value("SELECT count(*) FROM findings WHERE audit = %s", audit.name))
    seen = f"{last.state.name}, {before} findings before and {found - before} after"
    trial.checks.add("another worker goes on", seen, passed=found == LONG_PICTURES)


def play(trial: Trial) -> None:
    """Everything, from the schema to the last finding; without an image of the worker, what the API does by itself."""
    write_materials(trial.folder)
    prepare(trial)
    with trial.container("api") as api, Client(f"{HOST}:{trial.grpc_port}") as client:
        look_at_confinement(trial, api, "api")
        photos = client.datasets.upload("photos", trial.folder / "photos")
        trial.checks.add("an upload through the client", f"{photos.name}, token by MODICUM_TOKEN_FILE")
        if "worker" in trial.roots:
            play_with_worker(trial, client)
        code = api.stop(STOP_SECONDS)
        trial.checks.add("SIGTERM to the API", f"code {code}", passed=code == 0)


def play_with_worker(trial: Trial, client: Client) -> None:
    """Audit, stop a worker in a long shard, and let another one go on."""
    with trial.container("worker") as worker:
        audit_once(trial, client)
        look_at_confinement(trial, worker, "worker")
        audit = begin_long_audit(trial, client)
        before = stop_in_a_shard(trial, worker, audit)
    with trial.container("worker"):
        finish(trial, audit, before)


def run_trial(storage: Storage, targets: Sequence[str], logs: Path | None) -> bool:
    """Play the trial from the images in a storage, and return whether all passed. Logs are kept where it says."""
    folder = Path(tempfile.mkdtemp(prefix="modicum-trial-"))
    folder.chmod(0o711)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(_keep_logs, folder, logs)
        roots = {target: stack.enter_context(unpacked(storage, image_of(target))) for target in targets}
        trial = Trial(folder, roots)
        stack.callback(trial.postgres.stop)
        trial.postgres.start()
        try:
            play(trial)
        except BaseException:
            _show_logs(folder)
            raise
        finally:
            print(f"\n{trial.checks.table()}\n", flush=True)
        return all(passed for *_, passed in trial.checks.rows)


def _show_logs(folder: Path) -> None:
    for log in folder.glob("*.log"):
        print(f"\n== the end of {log.name}\n{log.read_text(errors='replace')[-LOG_CHARACTERS:]}", flush=True)


def _too_long(*_: object) -> None:
    raise TimeoutError(f"the trial did not end within {TRIAL_SECONDS} s")


def _keep_logs(folder: Path, logs: Path | None) -> None:
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
        for log in folder.glob("*.log"):
            shutil.copy(log, logs / log.name)


def main(words: list[str]) -> int:
    """Look what is there, play the trial, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.deploy.image_trial", description=__doc__)
    parser.add_argument("--storage", type=Path, default=STORAGE, help=f"folder of the images; default: {STORAGE}")
    parser.add_argument("--target", choices=("api",), help="try the API alone")
    parser.add_argument("--keep-logs", type=Path, help="copy the logs of API and worker there")
    given = parser.parse_args(words)
    storage, targets = Storage(given.storage), (given.target,) if given.target else TARGETS
    try:
        demand("buildah", "bwrap", "setpriv")
        storage.demand(*map(image_of, targets))
    except ImageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(TRIAL_SECONDS)
    return 0 if run_trial(storage, targets, given.keep_logs) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
