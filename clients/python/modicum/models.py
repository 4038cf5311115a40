"""The models of a project and their versions: register, get, list, wait, delete."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from time import monotonic

from modicum.arguments import check_wait, checked_list
from modicum.connection import Connection, new_request_id
from modicum.errors import DeadlineExceeded, InvalidArgument, ModelRejected, ModicumError, NotFound
from modicum.renamed_arguments import renamed
from modicum.resource_names import checked_id, checked_text, last_part, resource_name, short_version
from modicum.sources.inputs import InputSpecification
from modicum.sources.model_files import model_file
from modicum.sources.served_models import served_model
from modicum.spoken_names import in_python_names
from modicum.transfers import ProgressCallback, upload
from modicum.v1 import model_pb2, model_service_pb2
from modicum.versions import (
    Combine,
    Model,
    ModelVersion,
    VersionState,
    endpoint_message,
    ensemble_message,
    input_dropout_message,
    model_value,
    version_message,
    version_value,
)

CHECK_TIMEOUT_SECONDS = 600.0
LONGEST_POLL_SECONDS = 1.0
#: What a version lacks before its upload; earlier releases want the model first.
NOT_THERE_YET = frozenset({"ARTIFACT_MISSING", "MODEL_NOT_FOUND"})

_log = logging.getLogger(__name__)


class AsyncModels:
    """Registered models."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @renamed(labels="class_labels")
    @in_python_names
    async def register(
        self,
        name: str,
        *,
        model: str | Path | None = None,
        weights: str | Path | None = None,
        exported: str | Path | None = None,
        torchscript: str | Path | None = None,
        endpoint: str | None = None,
        architecture: str | None = None,
        input: str | Path | InputSpecification | None = None,  # noqa: A002  # the word of the service
        class_labels: str | Path | Sequence[str] | None = None,
        wait: bool = True,
        progress: ProgressCallback | None = None,
        timeout_seconds: float = CHECK_TIMEOUT_SECONDS,
    ) -> ModelVersion:
        """Upload a file and register it as a version of a model. If an equal version exists, that one is returned.

        Nothing of an endpoint is uploaded. Each call registers a new version of it: what it answers now.

        Args:
            name: name of the model. A changed file becomes a new version of it.
            model: a folder as `save_pretrained` of transformers or `save_for_hf` of timm writes it: config.json,
                preprocessor_config.json and model.safetensors. It names its architecture, input and classes. Or
                `hf://ORG/NAME@COMMIT`, which is fetched from Hugging Face.
            weights: instead of it: safetensors, or a state dict of tensors only (.pt, .pth). They need `architecture`.
                Or a network in ONNX (.onnx), which does not, and is computed forward only.
            exported: instead: a torch.export program (.pt2). The server must allow programs.
            torchscript: instead: a TorchScript program. The server must allow programs.
            endpoint: instead: a model that is served elsewhere by the Open Inference Protocol v2, by the name or the
                whole address under which the server's operator added it. The search uses only forward passes.
            architecture: architecture of the weights, e.g. torchvision:resnet18, timm:NAME, modicum:cifar_resnet20.
            input: how images are prepared: imagenet, cifar10, efficientnet_lite0 to 2, a .toml file, or a
                specification. Default: as the folder of `model` says; other models need one.
            class_labels: names of the classes in the order of the outputs: a list, or a file with one name per line.
                Default: those in the folder of `model`.
            wait: whether to wait until a worker has loaded and checked it.
            progress: called with the progress of the upload.
            timeout_seconds: how long to wait for the check.

        Raises:
            InvalidArgument: an argument or a local file is not valid.
            HubError, NotFound, PermissionDenied, DataLoss: the model cannot be fetched from its hub.
            ModelRejected: the server or the check rejected the model; `reason` says why.
            DeadlineExceeded: the check took longer than `timeout_seconds`.
        """
        check_wait(timeout_seconds)
        if endpoint is not None:
            served = served_model(
                endpoint,
                model=model,
                weights=weights,
                exported=exported,
                torchscript=torchscript,
                architecture=architecture,
            )
            described = endpoint_message(served.endpoint, served.input(input), served.labels(class_labels))
            version = await self._create(checked_id(name, "model"), described)
            return await self.wait(version, timeout_seconds=timeout_seconds) if wait else version
        find = partial(model_file, model=model, weights=weights, exported=exported, torchscript=torchscript)
        file = await asyncio.to_thread(find, architecture=architecture)
        specification, names = file.input(input), file.labels(class_labels)
        checked_id(name, "model")
        content = await asyncio.to_thread(file.content)
        message = version_message(
            kind=file.kind,
            digest=content.digest,
            architecture=file.architecture,
            configuration=file.configuration_for(names),
            specification=specification,
            class_labels=names,
        )
        await self._refuse_early(name, message)
        await upload(self._connection, [content], progress)
        version = await self._create(name, message)
        return await self.wait(version, timeout_seconds=timeout_seconds) if wait else version

    async def ensemble(
        self,
        name: str,
        *,
        members: Sequence[Model | ModelVersion | str],
        combine: Combine | str = Combine.MEAN_LOGITS,
        wait: bool = True,
        timeout_seconds: float = CHECK_TIMEOUT_SECONDS,
    ) -> ModelVersion:
        """Register an ensemble of versions as a version of its own. It has the input and class labels of its members.

        Args:
            name: name of the ensemble, which is a model like any other.
            members: two or more versions, models (their newest READY version), or names as for `version`.
            combine: mean_logits (as in the code of the paper) or mean_probabilities.
            wait: whether to wait until a worker has loaded and checked it.
            timeout_seconds: how long to wait for the check.

        Raises:
            InvalidArgument: the members do not fit together; the message says which and why.
            NotFound: a member does not exist.
            ModelRejected: a member or the ensemble was rejected.
            DeadlineExceeded: the check took longer than `timeout_seconds`.
        """
        check_wait(timeout_seconds)
        checked_id(name, "model")
        named = checked_list(members, "members", "models, versions or names, e.g. ['resnet18', 'resnet34']")
        message = ensemble_message(
            [await version_name(self._connection, one, "members") for one in named], _combine(combine)
        )
        version = await self._create(name, message)
        return await self.wait(version, timeout_seconds=timeout_seconds) if wait else version

    async def input_dropout(
        self,
        name: str,
        *,
        member: Model | ModelVersion | str,
        keep_probability: float = 0.8,
        samples: int = 16,
        seed: int = 0,
        wait: bool = True,
        timeout_seconds: float = CHECK_TIMEOUT_SECONDS,
    ) -> ModelVersion:
        """Register a version with input dropout at inference: its logits are averaged over a set of random pixel masks.

        Args:
            name: name of the new model.
            member: the version to wrap.
            keep_probability: probability that a pixel is kept, above 0 and at most 1. Other pixels show the mean.
            samples: number of masks. One pass costs so many passes of the member.
            seed: seed of the masks.
            wait: whether to wait until a worker has loaded and checked it.
            timeout_seconds: how long to wait for the check.

        Raises:
            InvalidArgument, NotFound, ModelRejected, DeadlineExceeded: as for `ensemble`.
        """
        check_wait(timeout_seconds)
        checked_id(name, "model")
        message = input_dropout_message(
            await version_name(self._connection, member, "member"),
            keep_probability=keep_probability,
            samples=samples,
            seed=seed,
        )
        version = await self._create(name, message)
        return await self.wait(version, timeout_seconds=timeout_seconds) if wait else version

    async def wait(
        self, version: ModelVersion | str, *, timeout_seconds: float = CHECK_TIMEOUT_SECONDS
    ) -> ModelVersion:
        """Wait until the version is READY, and return it. Why a try of its check failed is logged as a warning.

        Raises:
            ModelRejected: it was rejected; `reason` says why.
            DeadlineExceeded: it is still PENDING after `timeout_seconds`.
        """
        warned = ""
        async for seen in self.watch(version, timeout_seconds=timeout_seconds):
            if seen.failed_try not in {"", warned}:
                warned = seen.failed_try
                _log.warning("model %s: %s. It is tried again.", short_version(seen.name), seen.failed_try)
        return seen

    async def watch(
        self, version: ModelVersion | str, *, timeout_seconds: float = CHECK_TIMEOUT_SECONDS
    ) -> AsyncIterator[ModelVersion]:
        """Yield the version now and whenever what its check waits for or why a try failed changes, until it is READY.

        Raises:
            ModelRejected, DeadlineExceeded: as for `wait`.
        """
        check_wait(timeout_seconds)
        deadline, pause = monotonic() + timeout_seconds, 0.05
        name = version if isinstance(version, str) else version.name
        before, seen = None, await self.version(name)
        while seen.state is VersionState.PENDING:
            if seen != before:
                yield seen
            if monotonic() > deadline:
                raise DeadlineExceeded(f"{name} was not checked within {timeout_seconds:.0f} s; {_advice(seen)}")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
            before, seen = seen, await self.version(name)
        if seen.state is VersionState.REJECTED:
            raise ModelRejected(seen.reject_detail, reason=seen.reject_reason, metadata={"model_version": name})
        yield seen

    async def get(self, name: str) -> Model:
        """Get the model of that name.

        Raises:
            NotFound: it does not exist.
        """
        request = model_service_pb2.GetModelRequest(name=self._name(name))
        return model_value(await self._connection.call(self._connection.models.GetModel, request))

    async def list(self) -> AsyncIterator[Model]:
        """List the models by name."""
        request = model_service_pb2.ListModelsRequest(parent=self._connection.project)
        async for message in self._connection.pages(
            self._connection.models.ListModels, request, lambda page: page.models
        ):
            yield model_value(message)

    async def version(self, name: str) -> ModelVersion:
        """Get a version. `name` is MODEL/VERSION, MODEL (its newest READY version), or the full name of either.

        Raises:
            NotFound: it does not exist, or no version of the model is READY.
        """
        if "/" not in name or (name.startswith("projects/") and "/versions/" not in name):
            name = _ready_version(await self.get(name))
        elif not name.startswith("projects/"):
            model_id, _, number = name.removeprefix("models/").partition("/")
            name = f"{self._name(model_id)}/versions/{number.removeprefix('versions/')}"
        request = model_service_pb2.GetModelVersionRequest(name=name)
        return version_value(await self._connection.call(self._connection.models.GetModelVersion, request))

    async def versions(self, model: str) -> AsyncIterator[ModelVersion]:
        """List the versions of a model, newest first."""
        stub = self._connection.models
        request = model_service_pb2.ListModelVersionsRequest(parent=self._name(model))
        async for message in self._connection.pages(stub.ListModelVersions, request, lambda page: page.model_versions):
            yield version_value(message)

    async def delete(self, name: str) -> None:
        """Delete a model and its versions, or one version by its full name.

        Raises:
            NotFound: it does not exist.
            FailedPrecondition: an audit refers to it (RESOURCE_IN_USE).
        """
        full, stub = self._name(name), self._connection.models
        if "/versions/" in full:
            await self._connection.delete(
                stub.DeleteModelVersion, model_service_pb2.DeleteModelVersionRequest(name=full)
            )
        else:
            await self._connection.delete(stub.DeleteModel, model_service_pb2.DeleteModelRequest(name=full))

    async def _refuse_early(self, name: str, message: model_pb2.ModelVersion) -> None:
        """Let the server look at the version before its file is uploaded.

        Raises:
            ModelRejected, InvalidArgument: as for `register`.
        """
        connection = self._connection
        request = model_service_pb2.CreateModelVersionRequest(
            parent=resource_name(connection.project, "models", name),
            model_version=message,
            validate_only=True,
            allow_missing=True,
        )
        try:
            await connection.call(connection.models.CreateModelVersion, request)
        except ModicumError as error:
            if error.reason not in NOT_THERE_YET:
                raise

    async def _create(self, name: str, message: model_pb2.ModelVersion) -> ModelVersion:
        connection = self._connection
        model = await connection.call(
            connection.models.CreateModel,
            model_service_pb2.CreateModelRequest(parent=connection.project, model_id=name, request_id=new_request_id()),
        )
        created = await connection.call(
            connection.models.CreateModelVersion,
            model_service_pb2.CreateModelVersionRequest(
                parent=model.name, model_version=message, request_id=new_request_id()
            ),
        )
        return version_value(created)

    def _name(self, name: str) -> str:
        return resource_name(self._connection.project, "models", name)


def _advice(pending: ModelVersion) -> str:
    """What to do about a check that takes too long."""
    if pending.failed_try:
        return f"{pending.failed_try}. It is tried again"
    return "no running worker can check it; start one" if pending.waits_for_worker else "check that a worker is running"


def _ready_version(model: Model) -> str:
    """The version that the name of a model stands for. An older server does not say which is READY."""
    newest = model.latest_version
    if not newest:
        raise NotFound(f"{last_part(model.name)} has no version yet; register one with `modicum models create`")
    if model.latest_ready_version or model.latest_version_state is None:
        return model.latest_ready_version or newest
    short = short_version(newest)
    todo = f"`modicum models show {short}` says why; register a file that fits"
    if model.latest_version_state is VersionState.PENDING:
        todo = f"wait until a worker has checked it, or name {short} itself"
    raise NotFound(
        f"no version of {last_part(model.name)} is READY; the newest, {short}, is {model.latest_version_state}: {todo}"
    )


async def version_name(connection: Connection, given: Model | ModelVersion | str, argument: str) -> str:
    """The full name of a version, given as a version, a model (its newest READY version) or a name.

    `argument` is the name of the argument, for messages. The full name of a version is not looked up: the server
    reports what is wrong with it.

    Raises:
        InvalidArgument: `given` is of another type.
        NotFound: the model does not exist, or has no version that is READY.
    """
    if isinstance(given, ModelVersion):
        return given.name
    if not isinstance(given, (str, Model)):
        raise InvalidArgument(f"{argument}: expected a model, a version, or the name of one; got {given!r}")
    name = checked_text(given if isinstance(given, str) else given.name, f"{argument}: the name of a version")
    if name.startswith("projects/") and "/versions/" in name:
        return name
    return (await AsyncModels(connection).version(name)).name


def _combine(given: Combine | str) -> Combine:
    try:
        return Combine(given)
    except ValueError as error:
        known = ", ".join(Combine)
        raise InvalidArgument(f"combine: expected one of {known}; got {given!r}") from error
