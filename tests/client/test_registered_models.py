"""Models of a real MLflow (SQLite) through the gate's command: fetched, judged, recorded, and promoted or not."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from modicum.cli.command import app
from modicum.errors import AliasMoved, InvalidArgument, ModelRejected, NotFound, RegistryError, VersionChanged
from modicum.registries.candidate import fetched
from modicum.registries.port import registry_of
from typer.testing import CliRunner

from tests.client.scripted_results import succeeded
from tests.forked.command import FRESH
from tests.gate.documents import CLEAN, document, place, row
from tests.model_files import SAFETENSORS
from tests.tiers import long
from tests.waiting import eventually

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: Of MLflow's own code.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

CATS = "models:/cats/2"
GATE = (
    f"{FRESH} gate {CATS} photos --class-labels labels.txt --architecture torchvision:resnet18 --input imagenet --quiet"
)
SPOTS = {
    "PASS": CLEAN,
    "FAIL": (CLEAN[0], row(0, place((20, 0)), label="cat"), CLEAN[2]),
    "INCONCLUSIVE": (CLEAN[0], row(0, place((6, 6)), label="cat"), CLEAN[2]),
}
WEIGHTS = {"extra_files/w.safetensors": SAFETENSORS, "data/model.pth": b"pickled", "MLmodel": b"flavors: {}"}


@dataclass(frozen=True)
class Store:
    """An MLflow of this test: its client, and the folder of its files."""

    client: "MlflowClient"
    folder: Path

    def register(self, files, name="cats"):
        """Log a run with these files as its model, and register that as a version."""
        run = self.client.create_run(self.client.get_experiment_by_name("training").experiment_id)
        for file, data in files.items():
            path = self.folder / "logged" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            self.client.log_artifact(run.info.run_id, str(path), str(Path("model", file).parent))
        source = f"{run.info.artifact_uri}/model"
        return self.client.create_model_version(name, source, run.info.run_id)

    def champion(self):
        return self.client.get_registered_model("cats").aliases.get("champion")

    def tags(self, version=2):
        return self.client.get_model_version("cats", str(version)).tags


def client_of(uri) -> "MlflowClient":
    from mlflow import MlflowClient  # noqa: PLC0415  # slow: not wherever tests are collected

    return MlflowClient(uri)


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """A database of MLflow without a model; making one takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    client_of(f"sqlite:///{folder}/mlflow.db").search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def store(empty_store, tmp_path, monkeypatch):
    """An MLflow in which version 1 of `cats` is the champion, and version 2 holds weights beside a pickled model."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    client = client_of(uri)
    client.create_experiment("training", artifact_location=f"{tmp_path}/artifacts")
    client.create_registered_model("cats")
    made = Store(client, tmp_path)
    made.register({"w.safetensors": b"earlier"})
    client.set_registered_model_alias("cats", "champion", "1")
    made.register(WEIGHTS)
    return made


@pytest.fixture
def shell(tmp_path, address):
    """Starts a line of bash in a folder with images and a policy."""
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "a.jpg").write_bytes(b"a")
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    (tmp_path / "modicum.yaml").write_text("version: 1\naudit: {threshold: 0.9, passes: 300, controls: [spot]}\n")

    def start(line):
        environment = {**os.environ, "MODICUM_ADDRESS": address, "TMPDIR": str(tmp_path)}
        command = ["bash", "-c", line]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=tmp_path, env=environment, text=True, **pipes)

    return start


def finished(process):
    output, messages = process.communicate(timeout=300)
    return process.returncode, output, messages


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("outcome", "code", "champion"), [("PASS", 0, 2), ("FAIL", 1, 1), long("INCONCLUSIVE", 4, 1)])
def test_the_verdict_is_recorded_and_the_alias_moves_on_pass_alone(store, shell, script, *, outcome, code, champion):
    succeeded(script, document(spots=SPOTS[outcome]))

    ended, output, messages = finished(shell(f"{GATE} --promote champion --json"))

    assert ended == code, messages
    assert int(store.champion()) == champion
    tags = store.tags()
    assert tags["modicum.verdict"] == outcome
    assert tags["modicum.summary"] == json.loads(output)["summary"]
    run = store.client.get_run(tags["modicum.run"])
    assert run.info.status == "FINISHED"
    assert run.info.experiment_id == store.client.get_experiment_by_name("training").experiment_id
    assert run.data.metrics["modicum.spot.passes"] == (outcome == "PASS")
    checks = json.loads(output)["rules"][0]["checks"]
    assert run.data.metrics["modicum.spot"] in {one["value"] for one in checks if one["outcome"] == outcome}
    kept = Path(store.client.download_artifacts(run.info.run_id, "modicum"))
    assert json.loads((kept / "verdict.json").read_text()) == json.loads(output)
    assert f'class="{outcome}"' in (kept / "verdict.html").read_text()


@pytest.mark.long
def test_an_inconclusive_verdict_that_a_policy_allows_promotes_nothing(store, shell, script, tmp_path):
    succeeded(script, document(spots=SPOTS["INCONCLUSIVE"]))
    policy = (tmp_path / "modicum.yaml").read_text()

    process = shell(f"echo '{policy}inconclusive: allow' > modicum.yaml; {GATE} --promote champion")
    ended, _, messages = finished(process)

    assert ended == 0
    assert "alias champion was not moved, because the verdict is INCONCLUSIVE" in messages
    assert int(store.champion()) == 1


@pytest.mark.long
def test_the_weights_are_uploaded_under_the_name_of_the_registered_model_and_leave_nothing(
    store, shell, script, tmp_path
):
    succeeded(script, document())

    assert finished(shell(GATE))[0] == 0

    assert script.calls["CreateModelVersion"][0].parent == "projects/default/models/cats"
    assert SAFETENSORS in script.artifacts.values()
    assert b"pickled" not in script.artifacts.values()
    assert not list(tmp_path.glob("modicum-*"))
    assert int(store.champion()) == 1


@pytest.mark.long
def test_an_alias_that_somebody_moves_meanwhile_stays_where_they_put_it(store, shell, script):
    succeeded(script, document())
    store.register({"w.safetensors": b"another"})
    script.steps["CreateAudit"] = [60.0]

    process = shell(f"{GATE} --promote champion")
    eventually(lambda: script.calls["CreateAudit"], "the audit to be created")
    store.client.set_registered_model_alias("cats", "champion", "3")
    script.ended.set()
    ended, output, messages = finished(process)

    assert ended == 3, messages
    assert output.startswith("PASS")
    assert "alias champion of cats: expected version 1, but it points to version 3 by now" in messages
    assert int(store.champion()) == 3
    assert store.tags()["modicum.verdict"] == "PASS"


@pytest.mark.long
@pytest.mark.parametrize("outcome", ["FAIL", "PASS"])
def test_a_registry_that_fails_after_the_audit_does_not_turn_a_failure_into_something_else(
    store, shell, script, tmp_path, outcome
):
    succeeded(script, document(spots=SPOTS[outcome]))
    script.steps["CreateAudit"] = [60.0]

    process = shell(f"{GATE} --promote champion")
    eventually(lambda: script.calls["CreateAudit"], "the audit to be created")
    store.client.delete_model_version("cats", "2")
    script.ended.set()
    ended, output, messages = finished(process)

    assert output.startswith(outcome)
    assert ended == {"FAIL": 1, "PASS": 3}[outcome], messages
    assert "MLflow: " in messages


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("models:/cats/9 photos", 2, "Model Version (name=cats, version=9) not found"),
        ("models:/cats photos", 2, "models:/cats: expected models:/NAME/VERSION or models:/NAME@ALIAS"),
        ("models:/cats@nobody photos", 2, "the model cats has no alias nobody"),
        ("models:/cats/2", 2, "expected PHOTOS after models:/cats/2"),
        ("net.onnx photos", 2, "got net.onnx, photos. For the model, say --weights net.onnx"),
        ("photos more", 2, "expected one folder of images, a .csv, an .npz, a .tar or a .parquet; got photos, more"),
        ("photos --weights labels.txt --promote champion", 2, "--promote: expected a model of a registry"),
        ("models:/cats/2 photos --weights labels.txt", 2, "models:/cats/2 and --weights both name a model"),
        ("models:/cats/3 photos", 5, "expected weights as safetensors, got the pickled files data/model.pth"),
    ],
)
def test_what_cannot_be_gated_is_refused_before_any_call(
    store, script, address, tmp_path, monkeypatch, *, line, code, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.txt").write_text("cat")
    (tmp_path / "modicum.yaml").write_text("version: 1\n")
    store.register({"data/model.pth": b"pickled"})

    done = CliRunner().invoke(app, ["gate", *line.split()], env={"MODICUM_ADDRESS": address})

    assert done.exit_code == code, done.output
    assert message in done.output
    assert script.calls == {}


def candidate(store, tmp_path, uri=CATS):
    (tmp_path / "fetched").mkdir()
    return fetched(registry_of(uri), uri, tmp_path / "fetched", alias="champion")


def stored_file(store, tmp_path, name):
    """Where a file of version 2 lies."""
    return Path(store.client.get_model_version("cats", "2").source.removeprefix("file://")) / name


def test_a_version_whose_file_is_replaced_is_not_promoted(store, tmp_path):
    found = candidate(store, tmp_path)
    stored_file(store, tmp_path, "extra_files/w.safetensors").write_bytes(b"other weights")

    with pytest.raises(VersionChanged, match=r"extra_files/w\.safetensors has the SHA-256"):
        found.promote()

    assert int(store.champion()) == 1


def test_an_alias_that_names_another_version_by_now_is_not_promoted(store, tmp_path):
    store.client.set_registered_model_alias("cats", "candidate", "2")
    found = candidate(store, tmp_path, "models:/cats@candidate")
    store.client.set_registered_model_alias("cats", "candidate", "1")

    with pytest.raises(VersionChanged, match="models:/cats@candidate: now points to another version"):
        found.promote()

    assert int(store.champion()) == 1


def test_an_alias_that_did_not_exist_is_made_once(store, tmp_path):
    store.client.delete_registered_model_alias("cats", "champion")
    found = candidate(store, tmp_path)

    found.promote()

    assert int(store.champion()) == 2
    with pytest.raises(AliasMoved, match="expected no version, but it points to version 2"):
        found.promote()


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("files", "kind", "name"),
    [
        ({"data/model.pt2": b"p"}, "exported", "data/model.pt2"),
        ({"data/model.pt2": b"p", "w.safetensors": b"w"}, "weights", "w.safetensors"),
    ],
)
def test_weights_are_preferred_to_a_program(store, tmp_path, files, kind, name):
    store.register(files)

    found = candidate(store, tmp_path, "models:/cats/3")

    assert (found.kind, found.file) == (kind, name)


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a.safetensors": b"a", "b.safetensors": b"b"}, "MODEL_AMBIGUOUS"),
        ({"model.tflite": b"o"}, "MODEL_MISSING"),
        ({"data/model.pth": b"p"}, "MODEL_PICKLED"),
    ],
)
def test_a_version_without_one_model_that_can_be_audited_is_rejected(store, tmp_path, files, reason):
    store.register(files)

    with pytest.raises(ModelRejected) as caught:
        candidate(store, tmp_path, "models:/cats/3")

    assert caught.value.reason == reason


def test_a_store_that_cannot_be_reached_is_an_error_of_the_registry(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    with pytest.raises(RegistryError, match=r"^MLflow: "):
        fetched(registry_of(CATS), CATS, tmp_path, alias=None)


def test_errors_of_a_name_are_those_of_arguments(store, tmp_path):
    with pytest.raises(InvalidArgument):
        registry_of(CATS).version("models:/m-0123456789abcdef")
    with pytest.raises(NotFound):
        registry_of(CATS).version("models:/dogs/1")
