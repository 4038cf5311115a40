"""A model that is served elsewhere: an operator adds it, every real part audits it, and its drift is noticed."""

import json
import urllib.request

import numpy as np
import pytest

from tests.acceptance import mlserver
from tests.acceptance.acceptance_stage import CLASSES, PHOTOGRAPHS
from tests.endpoints.oip_server import Behaviour, served

SIDE, SECRET = 32, "s3cret-of-the-endpoint"
INPUT = f"height = {SIDE}\nwidth = {SIDE}\nmean = [0.5, 0.5, 0.5]\nstd = [1.0, 1.0, 1.0]\n"
OF_COLOURS = ("--endpoint", "colours", "--input", "input.toml", "--class-labels", "labels.txt")
QUICK = ("--threshold", 0.4, "--passes", 40, "--no-controls", "--no-reuse")


def colours(images):
    """One logit for each colour: twelve times its mean."""
    return 12 * images.mean(axis=(2, 3))


class Operated:
    """The tests' own server of the protocol, the commands of an operator, and those of a user."""

    def __init__(self, server, place, behaviour, addresses):
        self.server, self.place, self.behaviour, self.addresses = server, place, behaviour, addresses
        (place.folder / "input.toml").write_text(INPUT)
        (place.folder / "secret").write_text(SECRET)

    def operate(self, *words):
        return self.place.run("modicum-server", "endpoint", *words, "--data", self.server.place.data)

    def add(self, name, scheme, *options):
        done = self.operate("add", name, self.addresses[scheme], *options, "--credential-file", "secret")
        assert done.code == 0, done.messages

    def create_project(self, project):
        headers = {"Authorization": f"Bearer {self.server.token.strip()}", "Content-Type": "application/json"}
        address = f"{self.server.http}/v1/projects?projectId={project}"
        urllib.request.urlopen(urllib.request.Request(address, b"{}", headers), timeout=60).close()

    def audit(self, name, *options):
        model = ("--endpoint", name, "--input", "input.toml", "--class-labels", "labels.txt")
        return self.place.run("modicum", "audit", "photos", *model, *QUICK, *options)


@pytest.fixture
def operated(server, place):
    behaviour = Behaviour(model=colours, shape=(-1, 3, SIDE, SIDE))
    with served(behaviour) as addresses:
        yield Operated(server, place, behaviour, addresses)


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_an_endpoint_is_audited_by_its_name(operated, scheme):
    operated.add("colours", scheme, "--requests-per-second", 1000)

    done = operated.audit("colours", "--output", "result.json", "--output", "report.html")

    assert done.code == 0, done.messages
    document = json.loads((operated.place.folder / "result.json").read_text())
    (model,) = document["models"]
    assert len(document["rows"]) == PHOTOGRAPHS
    assert {row["predicted_class"] for row in document["rows"]} == set(range(len(CLASSES)))
    assert model["endpoint"]["name"] == "colours"
    assert (model["stamp"], model["weights_digests"]) == ("endpoint", {})
    assert model["searches"][0]["gradient_free"]
    assert any("the endpoint colours, which is served elsewhere" in one for one in model["summary"])
    assert "which is served elsewhere" in (operated.place.folder / "report.html").read_text()
    assert set(operated.behaviour.credentials) == {f"Bearer {SECRET}"}


@pytest.mark.long
@pytest.mark.skipif(not mlserver.PROGRAM, reason=mlserver.MISSING)
@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_model_of_mlserver_is_audited(operated, scheme):
    with mlserver.served(operated.place.folder / "mlserver", SIDE) as addresses:
        operated.addresses = addresses
        operated.add("colours", scheme, "--requests-per-second", 1000)

        done = operated.audit("colours", "--output", "result.json")

    assert done.code == 0, done.messages
    rows = json.loads((operated.place.folder / "result.json").read_text())["rows"]
    assert {row["predicted_class"] for row in rows} == set(range(len(CLASSES)))


@pytest.mark.long
def test_the_credential_of_an_endpoint_is_stored_nowhere(operated):
    operated.add("colours", "grpc")

    shown = operated.place.run("modicum", "models", "create", "net", "--endpoint", "colours", "--input", "input.toml")

    assert shown.code == 0, shown.messages
    assert "endpoint colours" in shown.output
    assert SECRET not in operated.operate("list").output
    files = [path for path in operated.server.place.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 100  # with those of Postgres
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


@pytest.mark.long
def test_another_model_behind_an_endpoint_fails_the_audit_and_a_new_version_is_audited(operated):
    operated.add("colours", "grpc", "--requests-per-second", 1000)
    place = operated.place
    created = place.run("modicum", "models", "create", "drifting", *OF_COLOURS)
    assert created.code == 0, created.messages
    assert place.run("modicum", "datasets", "create", "drifting", "photos").code == 0
    operated.behaviour.model = lambda images: np.roll(colours(images), 1, axis=1)

    audit = ("audits", "create", "--name", "drifting", "--model", "drifting", "--dataset", "drifting", *QUICK)
    assert place.run("modicum", *audit).code == 0
    drifted = place.run("modicum", "audits", "watch", "drifting")
    again = operated.audit("colours", "--name", "drifting")

    assert drifted.code == 3
    assert "ENDPOINT_DRIFTED" in drifted.messages
    assert again.code == 0, again.messages


@pytest.mark.long
def test_an_endpoint_that_was_not_granted_ends_with_5(operated):
    operated.create_project("another")
    operated.add("colours", "grpc", "--project", "another")

    for asked in ("colours", operated.addresses["grpc"]):
        done = operated.audit(asked)
        assert done.code == 5
        assert "modicum-server endpoint add" in " ".join(done.messages.split())


@pytest.mark.long
def test_commands_of_an_operator(operated):
    operated.create_project("first")
    operated.create_project("second")
    operated.add("colours", "grpc", "--project", "first", "--project", "second")

    assert "first,second" in operated.operate("list").output
    assert operated.operate("add", "none", operated.addresses["grpc"], "--project", "nosuch").code == 2
    assert operated.operate("add", "meta", "http://169.254.169.254:80/latest").code == 2
    assert operated.operate("add", "form", "models/cat").code == 2
    assert operated.operate("add", "gone", "grpc://127.0.0.1:1/cat").code == 3
    assert operated.operate("remove", "colours").code == 0
    assert operated.operate("remove", "colours").code == 2
