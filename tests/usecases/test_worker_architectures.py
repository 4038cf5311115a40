"""What no worker can build is refused at the door, before its weights are there."""

from dataclasses import replace

import pytest
from modicum_server.domain.buildable import Family
from modicum_server.domain.models import Executable, ExecutableKind, VersionState, Weights
from modicum_server.errors import ArchitectureUnknown, ArtifactMissing, ExecutableNotAllowed
from modicum_server.ports import ArchitectureUnavailable
from modicum_server.usecases.model_sources import check_source
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.versions import NewVersion
from modicum_server.usecases.worker_architectures import refuse_architecture

from tests.usecases.usecases_stage import AUDITOR, CHECK, INPUT, PROJECT, digest_of

FULL = {
    "torchvision": Family(("resnet18", "resnet34")),
    "acme": Family(),
    "transformers": Family(lacks="transformers", extra="hub"),
    "onnx": Family(("model",)),
}
OLD = {"torchvision": Family(("resnet18",))}


@pytest.mark.parametrize(
    ("architecture", "workers"),
    [
        ("torchvision:resnet18", [FULL]),
        ("torchvision:resnet34", [OLD, FULL]),
        ("acme:whatever", [OLD, FULL]),
        ("nobody:knows", []),
        ("nobody:knows", [FULL, None]),
        ("transformers:vit", [FULL, {"transformers": Family(("vit",))}]),
    ],
    ids=["a worker", "one of two", "any name", "no worker", "one has not looked", "one has the package"],
)
def test_what_a_worker_may_build_is_taken(architecture, workers):
    refuse_architecture(architecture, workers)


@pytest.mark.parametrize(
    ("architecture", "error", "words"),
    [
        (
            "torchvision:resnet43",
            ArchitectureUnknown,
            r"did you mean torchvision:resnet34 or torchvision:resnet18\? To add your own",
        ),
        (
            "torchvision:zzz",
            ArchitectureUnknown,
            "known are torchvision:resnet18, torchvision:resnet34. To add your own",
        ),
        (
            "transformers:vit",
            ArchitectureUnavailable,
            "transformers:vit needs the package transformers, which no worker has now. Install modicum-server.hub. ",
        ),
        ("nobody:knows", ArchitectureUnknown, "of the form acme:NAME, torchvision:NAME, transformers:NAME; got "),
        ("torchvison:resnet18", ArchitectureUnknown, r"got 'torchvison:resnet18'; did you mean torchvision:resnet18\?"),
        (
            "nobody:knows",
            ArchitectureUnknown,
            r"got 'nobody:knows'\. To add your own, .* installed, restart the workers",
        ),
    ],
)
def test_what_no_worker_builds_is_refused(architecture, error, words):
    with pytest.raises(error, match=words):
        refuse_architecture(architecture, [OLD, FULL])


def test_a_package_of_others_that_lacks_another_is_to_be_corrected_or_completed():
    words = "needs the package acme_nets, .* Install it, or correct the package that adds this family, where a worker"

    with pytest.raises(ArchitectureUnavailable, match=words):
        refuse_architecture("acme:tiny", [{"acme": Family(lacks="acme_nets")}])


async def _worker(place, families) -> None:
    async with place.store.transaction() as transaction:
        await transaction.workers.publish("one", families)


def _version(architecture: str, configuration: str = "") -> NewVersion:
    return NewVersion(Weights(digest_of(b"not there"), architecture, configuration), INPUT, ("cat", "dog"))


async def _asked(place, new: NewVersion):
    options = CreateOptions(validate_only=True)
    return await place.versions.create(AUDITOR, f"{PROJECT}/models/net", new, options, allow_missing=True)


async def test_an_architecture_is_refused_before_its_weights_are_uploaded(place):
    await _worker(place, FULL)

    with pytest.raises(ArchitectureUnknown):
        await _asked(place, _version("torchvision:resnet19"))
    with pytest.raises(ArchitectureUnavailable):
        await _asked(place, _version("transformers:vit", '{"model_type": "vit"}'))
    with pytest.raises(ArtifactMissing):
        await _asked(place, _version("torchvision:resnet18"))


async def test_a_version_waits_for_a_worker_until_one_is_there_that_may_check_it(place):
    pending = await place.register(check=None)
    assert pending.state is VersionState.PENDING

    assert await place.versions.waits_for_worker(pending)
    await _worker(place, {"torchvision": Family(("resnet34",))})
    assert await place.versions.waits_for_worker(pending)
    await _worker(place, FULL)
    assert not await place.versions.waits_for_worker(pending)


async def test_a_program_waits_for_any_worker(place):
    program = replace(await place.register(check=None), source=Executable("1" * 64, ExecutableKind.EXPORTED))

    assert await place.versions.waits_for_worker(program)
    await _worker(place, {})
    assert not await place.versions.waits_for_worker(program)


async def test_a_version_that_is_ready_is_returned_and_waits_for_nobody(place):
    ready = await place.register(check=CHECK)
    await _worker(place, {})

    assert await place.register(check=None) == ready
    assert not await place.versions.waits_for_worker(ready)


def test_the_refusal_of_a_program_says_who_allows_it_and_what_needs_no_permission():
    program = Executable(digest_of(b"program"), ExecutableKind.EXPORTED)

    with pytest.raises(ExecutableNotAllowed, match=r"let its operator .*ALLOW_EXECUTABLES=1 .*ONNX \(--weights"):
        check_source(program, INPUT, executables=False)
