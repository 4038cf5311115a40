"""The smallest files of models that the client takes for whole. Only their forms are right: no server can load them."""

import io
import zipfile

#: A header of safetensors, without tensors.
SAFETENSORS = (2).to_bytes(8, "little") + b"{}"


def network_of(content: bytes) -> bytes:
    """A file of ONNX whose network is these bytes."""
    length = bytearray()
    left = len(content)
    while left >= 0x80:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    return b"\x08\x09\x3a" + bytes([*length, left]) + content


def program_of(content: bytes) -> bytes:
    """A zip, as torch.export.save writes it, of one file."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("archive/data.pkl", content)
    return whole.getvalue()
