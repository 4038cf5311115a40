"""What holds after every fault: one function per invariant, and `check`, which calls them all.

Every function takes the trial after both audits have ended. Its error says what was expected and what was found.
"""

import fcntl
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modicum import AuditState
from modicum_server.processes.locked_folders import LOCK

from tests.faults.documents import comparable, items_of
from tests.faults.fault import Trial
from tests.faults.parts import command_line
from tests.faults.stage import BESIDE, ITEMS, SUBJECT, TOKENS
from tests.faults.stale_tasks import places_written_once, shards_ended_by_holders
from tests.waiting import PATIENCE_SECONDS, eventually

#: A part's memory after a fault: a multiple of its peak in the undisturbed run, plus a constant.
MEMORY_FACTOR, MEMORY_SLACK_BYTES = 1.5, 64 << 20
#: Claims of another project that may come before a shard's turn: one already under way, and one per slot.
CLAIMS_BEFORE_TURN = 3
#: A summary stores these before they are attached to the audit: findings and document.
ARTIFACTS_OF_A_SUMMARY = 2

#: Placeholder for the names of the trial's audits.
AUDITS = object()
#: Queries for what must not stay in the database, with their values.
LEFT: Mapping[str, Sequence[Any]] = {
    "shards": ("SELECT * FROM shards WHERE audit = ANY (%s)", AUDITS),
    "transactions": (
        """
        SELECT pid, application_name, query FROM pg_stat_activity WHERE xact_start < now() - interval '2 s'
        AND datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
        """,
    ),
}


def one_audit(trial: Trial) -> None:
    """1: every acknowledged audit exists and no other. The subject's audit was created once."""
    stage = trial.stage
    for project in TOKENS:
        listed, acknowledged = (
            {audit.name for audit in stage.client(project).audits.list()},
            stage.acknowledged[project],
        )
        assert acknowledged <= listed, f"expected every acknowledged audit, missing: {acknowledged - listed}"
        unknown, in_doubt = listed - acknowledged, stage.unacknowledged[project]
        assert len(unknown) <= in_doubt, f"expected at most {in_doubt} audits without an acknowledgement, got {unknown}"
    query = "SELECT audit FROM faults.notes WHERE id > %s AND what = 'state' AND project = %s AND detail = 'QUEUED'"
    made = [row["audit"] for row in stage.sql(query, trial.before.last_note, SUBJECT)]
    assert made == [trial.name], f"expected one audit of the subject, {trial.name}, got {made}"


def one_terminal_state(trial: Trial) -> None:
    """2: the audit ended once, in time, in a state that the fault allows."""
    states = [note["detail"] for note in _notes(trial, "state", trial.name)]
    ends = [state for state in states if AuditState(state).terminal]
    assert ends == [trial.audit.state], f"expected one end of {trial.name}, got {states} and {trial.audit.state}"
    assert AuditState(ends[0]) in trial.fault.states, (
        f"expected {trial.name} to end {'|'.join(trial.fault.states)}, got {ends[0]}: {trial.audit.snapshot}"
    )
    took, bound = trial.took_seconds, trial.reference.bound_seconds
    assert took <= bound, f"expected the end within {bound:.0f} s of the fault's, it came after {took:.0f} s"


def every_item_once(trial: Trial) -> None:
    """3: every item and search has one finding or one reason. The document equals that of the undisturbed run.

    Of an audit that ends early, this is about the items at which it must end.
    """
    query = "SELECT f.* FROM findings f JOIN audits a ON a.id = f.audit_id WHERE a.name = %s"
    rows = trial.stage.sql(query, trial.name)
    places = [(row["version_index"], row["search_index"], row["position"]) for row in rows]
    assert len(set(places)) == len(places), f"expected each place once, got {sorted(places)}"
    if trial.audit.state is not AuditState.SUCCEEDED:
        return
    positions = range(ITEMS[SUBJECT]) if trial.fault.positions is None else trial.fault.positions
    expected = sorted([*positions] * len(trial.fault.models))
    assert sorted(place[2] for place in places) == expected, f"expected every item: {places}"
    assert all(row["subset_mask"] is not None or row["reason"] for row in rows)
    if trial.fault.positions is None:
        _require_reference(trial, SUBJECT)


def watches_advance(trial: Trial) -> None:
    """4: the watch's sequence numbers rose to the last one, and a watch that resumes anywhere reaches it."""
    for project, watcher in trial.watchers.items():
        sequences = [snapshot.sequence for snapshot in watcher.seen]
        assert sequences == sorted(set(sequences)), f"expected rising sequences, got {sequences}"
        assert watcher.last.state.terminal, f"expected the watch to end with the audit, got {watcher.last}"
        for after in {0, sequences[len(sequences) // 2], sequences[-1]}:
            resumed = trial.stage.last_of_watch(project, watcher.name, after_sequence=after)
            assert resumed == sequences[-1], f"resumed after {after}: expected {sequences[-1]}, got {resumed}"
    shrunk = _notes(trial, "sequence")
    assert not shrunk, f"expected sequences in the store to rise, got {shrunk}"


def only_holders_write(trial: Trial) -> None:
    """5: only the holder of an attempt wrote findings and ended shards and audits.

    No finding is written after an audit has ended: storing a finding and ending the audit lock the same row.
    """
    claimers = {(note["shard"], note["attempt"]): note["application"] for note in _notes(trial, "claim")}
    findings, ends = _notes(trial, "finding"), _notes(trial, "shard_end")
    results = findings + _notes(trial, "score") + _notes(trial, "prediction")
    written = results + ends
    for note in written:
        claimer = claimers.get((note["shard"], note["attempt"]))
        assert note["held"], f"expected the shard to be held, got {note}"
        assert note["application"] == claimer, f"expected {claimer}, the holder of the attempt, to write this: {note}"
    places_written_once(trial.stage, trial.before, results, trial.names.values())
    shards_ended_by_holders(trial.stage, trial.before, ends)
    summed_up = {note["transaction"] for note in ends if note["detail"] == "SUMMARISE"}
    ended = {note["audit"]: note["id"] for note in _notes(trial, "state") if AuditState(note["detail"]).terminal}
    late = [note for note in findings if note["id"] > ended.get(note["audit"], note["id"])]
    assert not late, f"expected no finding of an audit that has ended, got {late}"
    for note in _notes(trial, "state"):
        in_its_summary = note["detail"] != AuditState.SUCCEEDED or note["transaction"] in summed_up
        assert in_its_summary, f"expected an audit to succeed in the transaction that ends its summary, got {note}"


def no_rows_left(trial: Trial) -> None:
    """6: no shard, lease, job, upload, watch or transaction is left."""
    stage = trial.stage
    names = list(trial.names.values())
    for what, (query, *values) in LEFT.items():
        given = [names if value is AUDITS else value for value in values]
        _eventually_none(f"no {what}", lambda query=query, given=given: stage.sql(query, *given))
    leases_short(trial)
    _eventually_none("no watch", lambda: _watches(trial))
    _eventually_none("no connection of a process that is gone", lambda: _connections_of_the_dead(trial))


def leases_short(trial: Trial) -> None:
    """6: every lease was short by the database's clock, so that it would expire soon if its holder died."""
    long = _notes(trial, "lease")
    assert not long, f"expected leases that end soon by the database's time, got {long}"


def nothing_left_behind(trial: Trial) -> None:
    """7: no orphan process, temporary file, unfinished artifact or unaccounted artifact is left."""
    stage = trial.stage
    _eventually_none("one TorchServe a worker and one model's process a slot", stage.too_many)
    _eventually_none("no stray process", lambda: [(each.pid, command_line(each)) for each in stage.strays()])
    _eventually_none("an empty slot", lambda: [path for run in stage.folder.glob("run*") for path in run.glob("*/*")])
    unfinished = (stage.artifacts / "scratch", stage.artifacts / "uploads")
    _eventually_none("nothing unfinished", lambda: [path for each in unfinished for path in _files(each)])
    _eventually_none("only living processes' folders in tmp", lambda: _unexpected_in_tmp(trial))
    artifacts_valid(trial)


def artifacts_valid(trial: Trial) -> None:
    """7: each artifact's bytes match its name, and a project holds it or an interrupted summary left it."""
    paths = _files(trial.stage.artifacts / "sha256")
    broken = [path for path in paths if hashlib.sha256(path.read_bytes()).hexdigest() != path.name]
    assert not broken, f"expected every artifact to have the digest of its name, these do not: {broken}"
    held = {row["digest"] for row in trial.stage.sql("SELECT digest FROM artifacts")}
    left = [path.name for path in paths if path.name not in held]
    query = "SELECT count(*) FROM faults.notes WHERE what = %s AND detail = %s"
    tried, succeeded = (
        trial.stage.value(query, *words) for words in (("claim", "SUMMARISE"), ("state", AuditState.SUCCEEDED.value))
    )
    most = ARTIFACTS_OF_A_SUMMARY * (tried - succeeded)
    assert len(left) <= most, (
        f"expected at most {most} artifacts that no project holds, after {tried - succeeded}: {left}"
    )
    if left:
        trial.note(f"{len(left)} artifacts of interrupted summaries belong to no project")


def memory_bounded(trial: Trial) -> None:
    """8: the memory of the API and the workers stayed close to that of the undisturbed run."""
    for part in trial.stage.parts:
        kind = part.name.rstrip("0123456789")
        bound = MEMORY_FACTOR * trial.reference.peak_bytes[kind] + MEMORY_SLACK_BYTES
        peak = peak_bytes(part.pid)
        assert peak <= bound, f"expected {part.name} to stay below {bound / 2**20:.0f} MiB, got {peak / 2**20:.0f}"


def other_project_undisturbed(trial: Trial) -> None:
    """9: the other project's audit succeeded with its own result and was served in turn."""
    audit = trial.stage.client(BESIDE).audits.get(trial.names[BESIDE])
    assert audit.state is AuditState.SUCCEEDED, f"expected the other project's audit to succeed, got {audit.snapshot}"
    _require_reference(trial, BESIDE)
    claims = _notes(trial, "claim")
    born = _notes(trial, "state", trial.names[BESIDE])[0]["id"]
    first = next(note["id"] for note in claims if note["audit"] == trial.names[BESIDE])
    between = [note for note in claims if note["project"] == SUBJECT and born < note["id"] < first]
    assert len(between) <= CLAIMS_BEFORE_TURN, f"expected the other project's turn sooner, these came first: {between}"


def fault_seen_by_operator(trial: Trial) -> None:
    """10: an operator sees the fault: each sign is in a log, a metric or the audit's reason."""
    for sign in trial.fault.signs:
        eventually(
            lambda sign=sign: sign.seen(trial.stage, trial.before, trial.name), f"{trial.fault.name} to show: {sign}"
        )


INVARIANTS: Sequence[Callable[[Trial], None]] = (
    one_audit,
    one_terminal_state,
    every_item_once,
    watches_advance,
    only_holders_write,
    no_rows_left,
    nothing_left_behind,
    memory_bounded,
    other_project_undisturbed,
    fault_seen_by_operator,
)


def check(trial: Trial) -> None:
    """Check every invariant, then the fault's own check."""
    for invariant in INVARIANTS:
        invariant(trial)
    if trial.fault.also is not None:
        trial.fault.also(trial)


def peak_bytes(pid: int) -> int:
    """Peak resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _require_reference(trial: Trial, project: str) -> None:
    got = comparable(trial.stage.client(project).audits.get(trial.names[project]))
    expected = trial.reference.documents[project]
    if project == SUBJECT and len(trial.fault.models) > 1:
        known = {row["model_version"] for row in expected["rows"]}
        got["rows"] = [row for row in got["rows"] if row["model_version"] in known]
        assert items_of(got) == items_of(expected)
        return  # the other keys cover all versions
    assert items_of(got) == items_of(expected)
    differing = {key: (got.get(key), expected.get(key)) for key in got | expected if got.get(key) != expected.get(key)}
    assert not differing, f"expected the undisturbed run's document, got (and expected) {differing}"


def _notes(trial: Trial, what: str, audit: str = "") -> list[dict[str, Any]]:
    names = [audit] if audit else list(trial.names.values())
    query = "SELECT * FROM faults.notes WHERE what = %s AND audit = ANY (%s) ORDER BY id"
    return trial.stage.sql(query, what, names)


def _watches(trial: Trial) -> list[object]:
    """The number of open watches in a list, empty if none; an error if the API does not report it."""
    try:
        count = trial.stage.metrics(trial.stage.api).get("modicum_watchers", "unknown")
    except OSError as error:
        return [error]
    return [count] if count else []


def _connections_of_the_dead(trial: Trial) -> list[dict[str, Any]]:
    dead = [
        application
        for part in trial.stage.all_parts
        for application, pid in part.applications.items()
        if not (part.alive and part.pid == pid)
    ]
    return trial.stage.sql("SELECT * FROM pg_stat_activity WHERE application_name = ANY (%s)", dead)


def _unexpected_in_tmp(trial: Trial) -> list[str]:
    """What is in the private tmp besides one folder per worker's TorchServe, that of Postgres' socket and looks.

    A look at what can be built imports large packages at the lowest priority, so on a busy machine it takes minutes.
    """
    names = sorted(path.name for path in trial.stage.tmp.iterdir() if not _is_locked_look(path))
    servers = [name for name in names if name.startswith("modicum-ts-")]
    others = [name for name in names if not name.startswith(("modicum-ts-", "modicum-pg-"))]
    return others + (servers if len(servers) > len(trial.stage.workers) else [])


def _is_locked_look(path: Path) -> bool:
    """Whether a living process looks at what can be built, in this folder of its own."""
    if not path.name.startswith("modicum-look-") or not (path / LOCK).exists():
        return False
    with (path / LOCK).open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _eventually_none(what: str, look: Callable[[], Sequence[Any]]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while found := look():
        assert time.monotonic() < end, f"expected {what}, but there still is {found}"
        time.sleep(0.1)
