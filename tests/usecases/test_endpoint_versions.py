"""Registering an endpoint: only what the operator granted to the project, and a new version each time."""

from dataclasses import replace

import pytest
from modicum_server.domain.endpoints import EndpointEntry
from modicum_server.domain.models import Endpoint, Ensemble, OutputKind, VersionState, artifact_of
from modicum_server.errors import FieldInvalid
from modicum_server.ports import EndpointUnknown
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.versions import NewVersion, Versions

from tests.usecases.usecases_stage import AUDITOR, INPUT, PROJECT

MODEL = f"{PROJECT}/models/net"
ENTRY = EndpointEntry(
    name="cats",
    url="grpcs://models.example.org/cats",
    addresses=("10.0.0.7",),
    projects=("default",),
    claim="c" * 64,
    input_name="images",
    output_name="scores",
    output_kind=OutputKind.PROBABILITIES,
    credential_file="/run/secrets/cats",
)
NEW = NewVersion(source=Endpoint("cats"), input=INPUT, class_labels=("cat", "dog"))


class Entries:
    async def entries(self):
        return [replace(ENTRY, name="others", projects=("second",)), ENTRY]


@pytest.fixture
def versions(place):
    return Versions(place.store, place.settings, Entries())


async def created(versions, new=NEW, **options):
    return await versions.create(AUDITOR, MODEL, new, CreateOptions(**options), allow_missing=True)


@pytest.mark.parametrize("name", [ENTRY.name, ENTRY.url])
async def test_an_endpoint_is_found_by_its_name_or_whole_address(versions, name):
    version = await created(versions, replace(NEW, source=Endpoint(name)))

    assert version.source == Endpoint("cats", ENTRY.claim, OutputKind.PROBABILITIES)
    assert version.state is VersionState.PENDING
    assert artifact_of(version.source) == ""
    assert await versions.get(AUDITOR, version.name) == version


@pytest.mark.parametrize(
    "name", ["others", "unknown", "grpcs://models.example.org/dogs", "http://169.254.169.254:80/x"]
)
async def test_an_endpoint_of_other_projects_is_as_unknown_as_one_that_does_not_exist(versions, name):
    with pytest.raises(EndpointUnknown, match="endpoint add NAME ADDRESS --project default"):
        await created(versions, replace(NEW, source=Endpoint(name)))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ftp://x/m", "the scheme 'ftp' is not one of an endpoint; expected the name"),
        (
            "127.0.0.1:8001",
            "the address has no scheme; expected the name of an endpoint, or its whole address, such as",
        ),
        ("grpc://127.0.0.1:8001", "the address has no model behind the port; expected"),
        ("grpc://127.0.0.1:8001/", "the address has no model behind the port; expected"),
        ("http:///m", "the address has no host; expected"),
    ],
)
async def test_an_address_that_lacks_a_part_is_told_which(versions, name, says):
    with pytest.raises(EndpointUnknown, match=says):
        await created(versions, replace(NEW, source=Endpoint(name)))


async def test_a_caller_cannot_say_what_the_endpoint_claims(versions):
    version = await created(versions, replace(NEW, source=Endpoint("cats", "f" * 64, OutputKind.LOGITS)))

    assert version.source == Endpoint("cats", ENTRY.claim, OutputKind.PROBABILITIES)


async def test_each_registration_is_a_new_version_but_a_repeated_request_is_not(versions):
    request = "123e4567-e89b-12d3-a456-426614174000"

    first, second = await created(versions, request_id=request), await created(versions)

    assert first.name != second.name
    assert first.digest != second.digest
    assert await created(versions, request_id=request) == first


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source": Endpoint("")}, "model_version.endpoint.name"),
        ({"source": Endpoint("with space")}, "model_version.endpoint.name"),
        ({"input": None}, "needs an input specification"),
    ],
    ids=str,
)
async def test_an_endpoint_needs_a_name_and_an_input(versions, changed, message):
    with pytest.raises((FieldInvalid, EndpointUnknown), match=message):
        await created(versions, replace(NEW, **changed))


async def test_an_endpoint_is_no_part_of_an_ensemble(versions):
    first, second = await created(versions), await created(versions)
    ensemble = NewVersion(source=Ensemble((first.name, second.name)), input=None, class_labels=())

    with pytest.raises(FieldInvalid, match="cannot be a part of another version"):
        await versions.create(AUDITOR, f"{PROJECT}/models/both", ensemble, CreateOptions(), allow_missing=True)
