"""Pictures that the server does not read, HEIC and AVIF, as PNG with the same pixels.

They are decoded here, where they come from, by libraries that are optional: the first picture of a file, upright, with
its transparency, at 8 bits a channel. Profiles do not count, as in all pictures.
"""

import io
from importlib import import_module
from importlib.util import find_spec

from modicum.errors import InvalidSource
from modicum.sources.contents import Content, made_content, stream_content
from modicum.sources.files import File

HEIF = frozenset({".heic", ".heif"})
AVIF = frozenset({".avif"})
SUFFIXES = HEIF | AVIF
INSTALL = "pip install 'modicum[heif]'"
#: What a PNG can hold, of what pictures decode to.
PNG_MODES = frozenset({"L", "LA", "RGB", "RGBA"})
#: Of 0 to 9: fast. The bytes differ between versions of Pillow and zlib, the pixels do not.
COMPRESSION = 1


def is_readable(suffix: str) -> bool:
    """Return whether a library for pictures of this suffix is installed."""
    if suffix in HEIF:
        return find_spec("PIL") is not None and find_spec("pillow_heif") is not None
    return suffix in AVIF and find_spec("PIL") is not None and bool(import_module("PIL.features").check("avif"))


def converted_content(file: File) -> Content:
    """The picture as PNG. One that cannot be decoded stays as it is: on the server it becomes a finding with a reason.

    Raises:
        InvalidSource: the file cannot be read.
    """
    original = stream_content(file.open, file.where)
    try:
        return made_content(lambda: _png(file), file.where)
    except InvalidSource:
        raise
    except Exception:  # noqa: BLE001  decoders can raise anything on a damaged file
        return original


def _png(file: File) -> bytes:
    """Decode the first picture of a file, and turn it upright."""
    from PIL import Image, ImageOps  # noqa: PLC0415  # optional

    if file.name.suffix.lower() in HEIF:
        import_module("pillow_heif").register_heif_opener()
    with file.open() as stream, Image.open(stream) as opened:
        picture = ImageOps.exif_transpose(opened)
        if picture.mode not in PNG_MODES:
            picture = picture.convert("RGBA" if "A" in picture.mode else "RGB")
        written = io.BytesIO()
        picture.save(written, "PNG", compress_level=COMPRESSION, icc_profile=None)
    return written.getvalue()
