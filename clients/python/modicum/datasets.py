"""The data sets of a project: upload, get, list, delete."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from modicum.arguments import checked_path
from modicum.connection import Connection, new_request_id
from modicum.renamed_arguments import renamed
from modicum.resource_names import checked_id, printable, resource_name
from modicum.sources.label_names import found_with_names
from modicum.sources.manifests import Manifest, manifest_of
from modicum.sources.objects import with_objects
from modicum.timestamps import optional_time, time_value
from modicum.transfers import ProgressCallback, upload
from modicum.v1 import dataset_pb2, dataset_service_pb2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Dataset:
    """An immutable list of images.

    `images_delete_time`: when the retention of the project deleted the images; None while they are kept.
    """

    name: str
    manifest_digest: str
    item_count: int
    labelled_count: int
    create_time: datetime
    principal: str = ""
    images_delete_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class DatasetItem:
    """One image. `label` is a class name, a class index, or empty. The digests of boxes and mask may be empty."""

    item: str
    image_digest: str
    label: str
    boxes_digest: str = ""
    mask_digest: str = ""


class AsyncDatasets:
    """Uploaded data sets."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @renamed(labels="photo_labels")
    async def upload(
        self,
        name: str,
        source: str | Path | Manifest,
        *,
        photo_labels: str | Path | None = None,
        label_names: str | Path | None = None,
        boxes: str | Path | None = None,
        masks: str | Path | None = None,
        progress: ProgressCallback | None = None,
    ) -> Dataset:
        """Upload images and create a data set. Images that the server already has are not sent again.

        If a data set of that name and content exists, it is returned. Files that are skipped, and boxes that are left
        out, are logged as a warning.

        Args:
            name: name of the data set. Changed content needs a new name.
            source: a folder with or without class folders, a .csv, an .npz, a .tar or a .parquet (see
                `modicum.sources.images`), or a manifest made from one of these.
            photo_labels: a CSV of file,label for a folder without class folders.
            label_names: what labels stand for that are ids, such as n01440764: text with an id and its name on each
                line, or JSON of names by id (see `modicum.sources.label_names`).
            boxes: where the objects are: a CSV of file,left,top,right,bottom, or JSON (see `modicum.sources.objects`).
            masks: where the objects are: a folder of mask images.
            progress: called with the progress of the upload.

        Raises:
            InvalidArgument: boxes and masks were both given.
            InvalidSource: there are no images, or labels, boxes or masks do not fit them.
            AlreadyExists: a data set of that name has other content (DATASET_DIFFERS).
            DataRefused: the server refuses the manifest, or boxes or a mask do not fit their image.
        """
        checked_id(name, "data set")
        manifest = source
        if not isinstance(manifest, Manifest):
            checked_path(manifest, "source", "for arrays, save them first: numpy.savez('images.npz', images=, labels=)")
            found = with_objects(found_with_names(manifest, photo_labels, label_names), boxes=boxes, masks=masks)
            if skipped := str(found.skipped):
                _log.warning("%s: %s", printable(str(manifest)), skipped)
            manifest = await asyncio.to_thread(manifest_of, found.images)
        await upload(self._connection, [*manifest.images, *manifest.objects, manifest.content], progress)
        request = dataset_service_pb2.CreateDatasetRequest(
            parent=self._connection.project,
            dataset_id=name,
            dataset=dataset_pb2.Dataset(manifest_digest=manifest.digest),
            request_id=new_request_id(),
        )
        return _dataset_value(await self._connection.call(self._connection.datasets.CreateDataset, request))

    async def get(self, name: str) -> Dataset:
        """Get the data set of that name.

        Raises:
            NotFound: it does not exist.
        """
        request = dataset_service_pb2.GetDatasetRequest(name=self._name(name))
        return _dataset_value(await self._connection.call(self._connection.datasets.GetDataset, request))

    async def list(self) -> AsyncIterator[Dataset]:
        """List the data sets by name."""
        stub = self._connection.datasets
        request = dataset_service_pb2.ListDatasetsRequest(parent=self._connection.project)
        async for message in self._connection.pages(stub.ListDatasets, request, lambda page: page.datasets):
            yield _dataset_value(message)

    async def items(self, name: str | Dataset) -> AsyncIterator[DatasetItem]:
        """List the items of a data set in order.

        Raises:
            NotFound: the data set does not exist.
        """
        stub = self._connection.datasets
        parent = name.name if isinstance(name, Dataset) else self._name(name)
        request = dataset_service_pb2.ListDatasetItemsRequest(parent=parent, page_size=1000)
        async for message in self._connection.pages(stub.ListDatasetItems, request, lambda page: page.items):
            yield DatasetItem(
                item=message.item,
                image_digest=message.image_digest,
                label=message.label,
                boxes_digest=message.boxes_digest,
                mask_digest=message.mask_digest,
            )

    async def delete(self, name: str) -> None:
        """Delete a data set.

        Raises:
            NotFound: it does not exist.
            FailedPrecondition: an audit refers to it (RESOURCE_IN_USE).
        """
        request = dataset_service_pb2.DeleteDatasetRequest(name=self._name(name))
        await self._connection.delete(self._connection.datasets.DeleteDataset, request)

    def _name(self, name: str) -> str:
        return resource_name(self._connection.project, "datasets", name)


def _dataset_value(message: dataset_pb2.Dataset) -> Dataset:
    return Dataset(
        name=message.name,
        manifest_digest=message.manifest_digest,
        item_count=message.item_count,
        labelled_count=message.labelled_count,
        create_time=time_value(message.create_time),
        principal=message.principal,
        images_delete_time=optional_time(message.images_delete_time, present=message.HasField("images_delete_time")),
    )
