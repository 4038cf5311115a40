"""ModelService."""

from google.protobuf.empty_pb2 import Empty
from modicum.v1 import model_pb2, model_service_pb2

from modicum_server.codec.models import input_value, model_message, source_value, version_message
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.projects import Principal
from modicum_server.transports.methods.enum_numbers import refuse_unknown_numbers
from modicum_server.usecases.models import Models
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.versions import NewVersion, Versions


class ModelMethods:
    """The methods of ModelService."""

    def __init__(self, models: Models, versions: Versions) -> None:
        self._models = models
        self._versions = versions

    async def get_model(self, principal: Principal, request: model_service_pb2.GetModelRequest) -> model_pb2.Model:
        """GetModel."""
        return model_message(await self._models.get(principal, request.name))

    async def list_models(
        self, principal: Principal, request: model_service_pb2.ListModelsRequest
    ) -> model_service_pb2.ListModelsResponse:
        """ListModels."""
        page = await self._models.page(principal, request.parent, PageRequest(request.page_size, request.page_token))
        models = [model_message(model) for model in page.rows]
        return model_service_pb2.ListModelsResponse(models=models, next_page_token=page.next_token)

    async def create_model(
        self, principal: Principal, request: model_service_pb2.CreateModelRequest
    ) -> model_pb2.Model:
        """CreateModel."""
        options = CreateOptions(request_id=request.request_id, validate_only=request.validate_only)
        return model_message(await self._models.create(principal, request.parent, request.model_id, options))

    async def delete_model(self, principal: Principal, request: model_service_pb2.DeleteModelRequest) -> Empty:
        """DeleteModel."""
        await self._models.delete(principal, request.name)
        return Empty()

    async def get_model_version(
        self, principal: Principal, request: model_service_pb2.GetModelVersionRequest
    ) -> model_pb2.ModelVersion:
        """GetModelVersion."""
        version = await self._versions.get(principal, request.name)
        return await self._told(version)

    async def list_model_versions(
        self, principal: Principal, request: model_service_pb2.ListModelVersionsRequest
    ) -> model_service_pb2.ListModelVersionsResponse:
        """ListModelVersions."""
        asked = PageRequest(request.page_size, request.page_token)
        page = await self._versions.page(principal, request.parent, asked)
        versions = [version_message(version) for version in page.rows]
        return model_service_pb2.ListModelVersionsResponse(model_versions=versions, next_page_token=page.next_token)

    async def create_model_version(
        self, principal: Principal, request: model_service_pb2.CreateModelVersionRequest
    ) -> model_pb2.ModelVersion:
        """CreateModelVersion."""
        given = request.model_version
        refuse_unknown_numbers("model_version", given)
        new = NewVersion(
            source=source_value(given),
            input=input_value(given.input) if given.HasField("input") else None,
            class_labels=tuple(given.class_labels),
        )
        options = CreateOptions(request_id=request.request_id, validate_only=request.validate_only)
        created = await self._versions.create(
            principal, request.parent, new, options, allow_missing=request.allow_missing
        )
        return await self._told(created)

    async def delete_model_version(
        self, principal: Principal, request: model_service_pb2.DeleteModelVersionRequest
    ) -> Empty:
        """DeleteModelVersion."""
        await self._versions.delete(principal, request.name)
        return Empty()

    async def _told(self, version: ModelVersion) -> model_pb2.ModelVersion:
        waits, failed = await self._versions.waits_for_worker(version), await self._versions.failed_try(version)
        return version_message(version, waits_for_worker=waits, failed_try=failed)
