"""ArtifactService."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from google.protobuf.empty_pb2 import Empty
from modicum.v1 import artifact_pb2, artifact_service_pb2

from modicum_server.codec.artifacts import artifact_message, used_artifact_message
from modicum_server.domain.projects import Principal
from modicum_server.errors import UploadInvalid
from modicum_server.transports.call_metrics import CallMetrics
from modicum_server.transports.calls import note_resource
from modicum_server.usecases.artifacts import Artifacts, UploadHeader
from modicum_server.usecases.pages import PageRequest

Part = artifact_service_pb2.UploadArtifactRequest


class ArtifactMethods:
    """The methods of ArtifactService."""

    def __init__(self, artifacts: Artifacts, metrics: CallMetrics) -> None:
        self._artifacts = artifacts
        self._metrics = metrics

    async def get_artifact(
        self, principal: Principal, request: artifact_service_pb2.GetArtifactRequest
    ) -> artifact_pb2.Artifact:
        """GetArtifact."""
        return artifact_message(await self._artifacts.get(principal, request.name))

    async def list_artifacts(
        self, principal: Principal, request: artifact_service_pb2.ListArtifactsRequest
    ) -> artifact_service_pb2.ListArtifactsResponse:
        """ListArtifacts."""
        asked = PageRequest(request.page_size, request.page_token)
        page = await self._artifacts.page(principal, request.parent, asked, beginning=request.digest)
        artifacts = [used_artifact_message(listed) for listed in page.rows]
        return artifact_service_pb2.ListArtifactsResponse(artifacts=artifacts, next_page_token=page.next_token)

    async def find_missing_artifacts(
        self, principal: Principal, request: artifact_service_pb2.FindMissingArtifactsRequest
    ) -> artifact_service_pb2.FindMissingArtifactsResponse:
        """FindMissingArtifacts."""
        found = await self._artifacts.find_missing(principal, request.parent, tuple(request.digests))
        response = artifact_service_pb2.FindMissingArtifactsResponse
        missing = [response.Missing(digest=one.digest, received_bytes=one.received_bytes) for one in found]
        return response(missing=missing)

    async def upload_artifact(self, principal: Principal, parts: AsyncIterator[Part]) -> artifact_pb2.Artifact:
        """UploadArtifact."""
        first = await anext(aiter(parts), None)
        if first is None or first.WhichOneof("part") != "header":
            raise UploadInvalid("the first message of an upload must hold the header")
        note_resource(first.header)
        header = UploadHeader(first.header.parent, first.header.digest, first.header.size_bytes, first.header.offset)
        return artifact_message(await self._artifacts.upload(principal, header, self._data(parts)))

    async def _data(self, parts: AsyncIterator[Part]) -> AsyncIterator[bytes]:
        async for part in parts:
            if part.WhichOneof("part") != "data":
                raise UploadInvalid("every message of an upload after the first must hold bytes")
            self._metrics.uploaded(len(part.data))
            yield part.data

    async def upload_small_artifacts(
        self, principal: Principal, request: artifact_service_pb2.UploadSmallArtifactsRequest
    ) -> artifact_service_pb2.UploadSmallArtifactsResponse:
        """UploadSmallArtifacts."""
        self._metrics.uploaded(sum(map(len, request.contents)))
        stored = await self._artifacts.upload_small(principal, request.parent, request.contents)
        return artifact_service_pb2.UploadSmallArtifactsResponse(artifacts=map(artifact_message, stored))

    async def download_artifact(
        self, principal: Principal, request: artifact_service_pb2.DownloadArtifactRequest
    ) -> AsyncIterator[artifact_service_pb2.DownloadArtifactResponse]:
        """DownloadArtifact."""
        async with aclosing(self._artifacts.download(principal, request.name, request.offset)) as pieces:
            async for data in pieces:
                yield artifact_service_pb2.DownloadArtifactResponse(data=data)

    async def download_part(
        self, principal: Principal, name: str, first: int, end: int
    ) -> AsyncGenerator[artifact_service_pb2.DownloadArtifactResponse]:
        """Yield what DownloadArtifact does, of a part that ends before the artifact does: a range of HTTP."""
        async with aclosing(self._artifacts.download_part(principal, name, first, end)) as pieces:
            async for data in pieces:
                yield artifact_service_pb2.DownloadArtifactResponse(data=data)

    async def delete_artifact(self, principal: Principal, request: artifact_service_pb2.DeleteArtifactRequest) -> Empty:
        """DeleteArtifact."""
        await self._artifacts.delete(principal, request.name)
        return Empty()
