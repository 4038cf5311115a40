"""A masked data set as files: one `.npz`, or PNG files in class folders. It is written completely or not at all.

Images are written one at a time, so that memory does not grow with their number.
"""

import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from modicum.exported_files import CanvasImages, Target, picture_name, safe_name, save_png, written
from modicum.masked_sets import Export, MaskedSet
from modicum.pictures import LARGEST_BYTE, scaled

MANIFEST = "manifest.json"
UNLABELLED = "unlabelled"


def write(target: Target, masked: MaskedSet, canvas: IO[bytes]) -> None:
    """Write the data set. `canvas` is the archive of images that the server sent.

    Raises:
        DataLoss: the archive lacks an image, or is damaged.
        OutputNotWritten: the disk is full, or permissions are missing.
    """
    with written(target, canvas) as (made, images):
        if target.archive:
            _write_archive(made, masked, images)
        else:
            _write_folder(made, masked, images)


def _write_archive(path: Path, masked: MaskedSet, images: CanvasImages) -> None:
    exports = masked.exports
    canvas = (len(masked.colour), exports[0].subset.height, exports[0].subset.width)
    findings = [export.finding for export in exports]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        painted = (masked.masked(export, images.of(export.finding)) for export in exports)
        _stream(archive, "images", np.dtype("<f4"), (len(exports), *canvas), painted)
        masks = (export.subset.mask for export in exports)
        _stream(archive, "masks", np.dtype(bool), (len(exports), *canvas[1:]), masks)
        for name, values in {
            "labels": np.array([masked.label_of(export) for export in exports], dtype=np.int64),
            "targets": np.array([export.target_class for export in exports], dtype=np.int64),
            "sizes": np.array([export.subset.size for export in exports], dtype=np.int64),
            "items": np.array([finding.item for finding in findings]),
            "image_digests": np.array([finding.image_digest for finding in findings]),
            "classes": np.array(masked.classes, dtype=np.str_),
            "manifest": np.array(_text(masked.manifest)),
        }.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array(member, values, allow_pickle=False)


def _stream(
    archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], rows: Iterable[NDArray[Any]]
) -> None:
    """Write an array row by row."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(member, header)
        for row in rows:
            member.write(np.ascontiguousarray(row, dtype=dtype).tobytes())


def _write_folder(path: Path, masked: MaskedSet, images: CanvasImages) -> None:
    path.mkdir()
    entries = []
    for place, export in enumerate(masked.exports):
        folder = class_folder(masked, masked.label_of(export))
        name = picture_name(place, export.finding.item)
        image = masked.masked(export, images.of(export.finding))
        save_png(path / "images" / folder / name, scaled(image, masked.input))
        save_png(path / "masks" / folder / name, export.subset.mask.astype(np.uint8) * LARGEST_BYTE)
        entries.append({"file": f"{folder}/{name}", **_entry(export)})
    (path / MANIFEST).write_text(_text({**masked.manifest, "entries": entries}) + "\n", encoding="utf-8")


def class_folder(masked: MaskedSet, label: int) -> str:
    """Number and name of a class. The number keeps the folders in the order of the classes."""
    if label < 0:
        return UNLABELLED
    digits = len(str(max(len(masked.classes) - 1, 0)))
    named = masked.classes[label] if label < len(masked.classes) else ""
    return f"{label:0{digits}d}-{safe_name(named)}".removesuffix("-")


def _entry(export: Export) -> dict[str, Any]:
    finding = export.finding
    return {
        "item": finding.item,
        "image_digest": finding.image_digest,
        "label": finding.label,
        "target": export.target_class,
        "size": export.subset.size,
    }


def _text(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
