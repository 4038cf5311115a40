"""Data sets and their items."""

from modicum.v1 import dataset_pb2

from modicum_server.codec.timestamps import time_message
from modicum_server.domain.datasets import Dataset, DatasetItem


def dataset_message(value: Dataset) -> dataset_pb2.Dataset:
    """Data set."""
    return dataset_pb2.Dataset(
        name=value.name,
        manifest_digest=value.manifest_digest,
        item_count=value.item_count,
        labelled_count=value.labelled_count,
        create_time=time_message(value.create_time),
        principal=value.principal,
        images_delete_time=time_message(value.images_delete_time),
    )


def item_message(value: DatasetItem) -> dataset_pb2.DatasetItem:
    """Item of a data set."""
    return dataset_pb2.DatasetItem(
        item=value.item,
        image_digest=value.image_digest,
        label=value.label,
        boxes_digest=value.boxes_digest,
        mask_digest=value.mask_digest,
    )
