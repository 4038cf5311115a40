"""DatasetService."""

from google.protobuf.empty_pb2 import Empty
from modicum.v1 import dataset_pb2, dataset_service_pb2

from modicum_server.codec.datasets import dataset_message, item_message
from modicum_server.domain.projects import Principal
from modicum_server.usecases.datasets import Datasets
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions


class DatasetMethods:
    """The methods of DatasetService."""

    def __init__(self, datasets: Datasets) -> None:
        self._datasets = datasets

    async def get_dataset(
        self, principal: Principal, request: dataset_service_pb2.GetDatasetRequest
    ) -> dataset_pb2.Dataset:
        """GetDataset."""
        return dataset_message(await self._datasets.get(principal, request.name))

    async def list_datasets(
        self, principal: Principal, request: dataset_service_pb2.ListDatasetsRequest
    ) -> dataset_service_pb2.ListDatasetsResponse:
        """ListDatasets."""
        page = await self._datasets.page(principal, request.parent, PageRequest(request.page_size, request.page_token))
        datasets = [dataset_message(dataset) for dataset in page.rows]
        return dataset_service_pb2.ListDatasetsResponse(datasets=datasets, next_page_token=page.next_token)

    async def create_dataset(
        self, principal: Principal, request: dataset_service_pb2.CreateDatasetRequest
    ) -> dataset_pb2.Dataset:
        """CreateDataset."""
        options = CreateOptions(request_id=request.request_id, validate_only=request.validate_only)
        digest = request.dataset.manifest_digest
        return dataset_message(
            await self._datasets.create(principal, request.parent, request.dataset_id, digest, options)
        )

    async def delete_dataset(self, principal: Principal, request: dataset_service_pb2.DeleteDatasetRequest) -> Empty:
        """DeleteDataset."""
        await self._datasets.delete(principal, request.name)
        return Empty()

    async def list_dataset_items(
        self, principal: Principal, request: dataset_service_pb2.ListDatasetItemsRequest
    ) -> dataset_service_pb2.ListDatasetItemsResponse:
        """ListDatasetItems."""
        page = await self._datasets.items(principal, request.parent, PageRequest(request.page_size, request.page_token))
        items = [item_message(item) for item in page.rows]
        return dataset_service_pb2.ListDatasetItemsResponse(items=items, next_page_token=page.next_token)
