"""Chooses between the two artifact stores by the URL: a local folder, or anything that fsspec knows.

The root has `sha256/ab/abcd...` for complete files, `store-id`, and `uploads/` and `scratch/` for incomplete files. A
remote store has only the first two; its incomplete files are in a local folder.
"""

import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.artifacts.remote_store import RemoteArtifactStore
from modicum_server.ports import ArtifactStore


def open_artifact_store(url: str, *, spool: Path | None = None) -> ArtifactStore:
    """Return the store of a folder, or of a URL such as `s3://bucket/prefix`.

    A remote store keeps unfinished uploads in `spool`, by default a temporary folder. They can be resumed only on this
    machine, until that folder is emptied.
    """
    parts = urlsplit(url)
    if parts.scheme in {"", "file"}:
        return FolderArtifactStore(Path(unquote(parts.path) if parts.scheme else url))
    return RemoteArtifactStore(url, spool or Path(tempfile.gettempdir()) / "modicum-uploads")
