"""Chooses between the two artifact stores by the URL: a local folder, or anything that fsspec knows.

The root has `sha256/ab/abcd...` for complete files, `store-id`, and `uploads/` and `scratch/` for incomplete files. A
remote store has only the first two; its incomplete files are in a local folder.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.artifacts.kept_artifacts import FolderKeptArtifacts
from modicum_server.artifacts.remote_store import EXTRAS, RemoteArtifactStore
from modicum_server.errors import FieldInvalid
from modicum_server.ports import ArtifactStore, KeptArtifacts
from modicum_server.processes.locked_folders import create_locked_folder

VARIABLE = "MODICUM_ARTIFACTS_URL"


def open_artifact_store(url: str, *, spool: Path | None = None) -> ArtifactStore:
    """Return the store of a folder, or of a URL such as `s3://bucket/prefix`.

    A remote store keeps unfinished uploads in `spool`, by default a temporary folder. They can be resumed only on this
    machine, until that folder is emptied.

    Raises:
        FieldInvalid: fsspec does not know the URL's scheme, or its driver is not installed.
    """
    parts = urlsplit(url)
    if parts.scheme in {"", "file"}:
        return FolderArtifactStore(Path(unquote(parts.path) if parts.scheme else url))
    try:
        return RemoteArtifactStore(url, spool or Path(tempfile.gettempdir()) / "modicum-uploads")
    except ImportError as error:
        how = f"pip install 'modicum-server[{EXTRAS[parts.scheme]}]'" if parts.scheme in EXTRAS else str(error)
        raise FieldInvalid(VARIABLE, f"the driver of {parts.scheme}:// is not installed: {how}") from error
    except ValueError as error:
        expected = "a folder, or a URL that fsspec knows, such as s3://bucket/prefix"
        raise FieldInvalid(VARIABLE, f"expected {expected}; got the scheme {parts.scheme[:20]}://") from error


@contextmanager
def kept_artifacts(store: ArtifactStore, run_folder: Path | None, most_bytes: int) -> Iterator[KeptArtifacts | None]:
    """Yield what a worker keeps of a remote store beside its slots, and delete it at the end.

    None of a local folder, whose files are linked. `run_folder` None stands for a temporary folder.
    """
    if most_bytes == 0 or not isinstance(store, RemoteArtifactStore):
        yield None
        return
    if run_folder is not None:
        run_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = create_locked_folder("modicum-kept-", run_folder)
    try:
        yield FolderKeptArtifacts(store, folder.path / "kept", most_bytes)
    finally:
        folder.delete()
