"""Whether a file looks like an image, by its first bytes alone. Decodes nothing, and refuses nothing: the server does.

The formats are those that the server decodes, those that are converted before they are sent, and .npy.
"""

from collections.abc import Sequence

from modicum.sources.files import File
from modicum.sources.images import Image
from modicum.sources.skipped import named

HEAD_BYTES = 12
BEGINNINGS = (
    b"BM",
    b"GIF87a",
    b"GIF89a",
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    *(b"P%c" % kind for kind in b"0123456fy"),  # PPM and its kin
    *(b"II*\x00", b"II\x00*", b"II+\x00", b"MM\x00*", b"MM*\x00", b"MM\x00+"),  # TIFF
    b"\x93NUMPY",
)
WEBP, HEIF = (b"RIFF", b"WEBP"), b"ftyp"


def looks_like_an_image(head: bytes) -> bool:
    """Whether a file that begins with these bytes, at least HEAD_BYTES if it has so many, may be an image."""
    is_webp = (head[:4], head[8:12]) == WEBP
    return head.startswith(BEGINNINGS) or is_webp or head[4:8] == HEIF


def unlike_images(images: Sequence[Image]) -> list[str]:
    """The items whose file does not look like an image. Nothing is looked at of an .npz and of parquet."""
    return [image.item for image in images if image.file is not None and not looks_like_an_image(_head(image.file))]


def unlike_text(items: Sequence[str]) -> str:
    """Such items in words, and what becomes of them."""
    count = len(items)
    look = "1 file does not look like an image" if count == 1 else f"{count:,} files do not look like images"
    return f"{look}: {named(items)}. They are uploaded anyway; pictures that the server cannot read get no result"


def _head(file: File) -> bytes:
    """The first bytes of a file. One that cannot be read counts as an image here; sending it says what is wrong."""
    try:
        with file.open() as stream:
            return stream.read(HEAD_BYTES)
    except OSError:
        return BEGINNINGS[0]
