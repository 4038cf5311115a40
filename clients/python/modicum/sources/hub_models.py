"""A model of a hub of Hugging Face, `hf://ORG/NAME@COMMIT`, fetched into the cache of huggingface_hub.

Only files of a folder that is read (JSON and safetensors) are fetched, never a pickle or code. Their number and sizes
are bounded before, and their bytes compared with the digests of the hub after.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modicum.errors import DataLoss, HubError, InvalidArgument, ModelFolderRefused, NotFound, PermissionDenied
from modicum.gate.counting import counted
from modicum.resource_names import printable
from modicum.sources.contents import BLOCK_BYTES
from modicum.sources.folder_json import MOST_JSON_BYTES
from modicum.sources.hub_folders import CONFIGURATION, PREPROCESSOR, PROCESSOR
from modicum.sources.hub_weights import WEIGHTS, refused_weights
from modicum.sources.shards import INDEX, weight_files

SCHEME = "hf://"
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}"
URI = re.compile(rf"{SCHEME}(?P<repository>{_NAME}/{_NAME})@(?P<commit>[0-9a-f]{{40}})")
UNPINNED = re.compile(rf"{SCHEME}(?P<repository>{_NAME}/{_NAME})(@(?P<revision>.*))?", re.DOTALL)
#: Read if they are there.
OPTIONAL = (PREPROCESSOR, PROCESSOR)
MOST_FILES = 200
MOST_BYTES = 16 * 1024**3
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Told:
    """What a hub tells of a file."""

    name: str
    size_bytes: int | None
    sha256: str
    git_sha1: str


def is_hub_model(given: str | Path) -> bool:
    """Whether a model is named by its place on a hub, and not by a path."""
    return isinstance(given, str) and given.startswith(SCHEME)


def hub_name(uri: str) -> str:
    """The name of the model alone: that of its repository."""
    return _parts(uri)[0].partition("/")[2]


def fetched(uri: str) -> Path:
    """The folder of the model, fetched from the hub that HF_ENDPOINT names, or from the library's own.

    Raises:
        InvalidArgument: the URI has no commit, or huggingface_hub is not installed.
        NotFound, PermissionDenied: the hub does not have the model or the commit, or does not give them.
        HubError: the hub cannot be reached, or fails.
        ModelFolderRefused: the model has no safe weights, or is out of bounds.
        DataLoss: the bytes that came are not those that the hub tells of.
    """
    repository, commit = _parts(uri)
    library = _library(uri)
    hub = library.HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, library_name="modicum")
    try:
        told = _told(hub.model_info(repository, revision=commit, files_metadata=True, timeout=SECONDS))
        _refuse_unsafe(uri, told)
        fetch = lambda name: Path(hub.hf_hub_download(repository, name, revision=commit))  # noqa: E731 - used below
        return _folder(uri, told, fetch)
    except library.errors.GatedRepoError as error:
        raise PermissionDenied(
            f"{uri}: the model is gated. Request access on its page in a browser, then set HF_TOKEN to a token of "
            "your account",
            reason="HUB_GATED",
        ) from error
    except library.errors.RevisionNotFoundError as error:
        raise NotFound(
            f"{uri}: the model has no commit {commit}. {_how(repository)}", reason="HUB_NOT_FOUND"
        ) from error
    except library.errors.RepositoryNotFoundError as error:
        raise NotFound(
            f"{uri}: {hub.endpoint} has no model {repository}, or hides it from you. If it is private, set "
            "HF_TOKEN to a token that may read it",
            reason="HUB_NOT_FOUND",
        ) from error
    except (OSError, library.errors.HTTPError) as error:
        raise HubError(
            f"{uri}: {hub.endpoint} cannot be reached, or failed{_status(error)}. Check the network and HF_ENDPOINT. "
            "Without a network, download the folder elsewhere, copy it here, and give its path",
        ) from error


def _parts(uri: str) -> tuple[str, str]:
    if found := URI.fullmatch(uri):
        return found["repository"], found["commit"]
    if loose := UNPINNED.fullmatch(uri):
        came = f"got {printable(loose['revision'][:64])}" if loose["revision"] else "got none"
        raise InvalidArgument(
            f"{printable(uri[:200])}: expected a full commit of 40 hexadecimal digits after @, because a branch or a "
            f"tag can change; {came}. {_how(loose['repository'])}",
            reason="HUB_NOT_PINNED",
        )
    raise InvalidArgument(f"{printable(uri[:200])}: expected {SCHEME}ORG/NAME@COMMIT", reason="HUB_NAME_INVALID")


def _how(repository: str) -> str:
    code = f"from huggingface_hub import model_info; print(model_info('{repository}').sha)"
    return f'The newest commit: python -c "{code}"'


def _library(uri: str) -> Any:
    try:
        import huggingface_hub  # noqa: PLC0415  an extra, and slow to import
        import huggingface_hub.errors  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InvalidArgument(
            f"{uri}: a model of a hub needs the extra `hub`: run pip install 'modicum[hub]'", reason="HUB_NOT_INSTALLED"
        ) from error
    return huggingface_hub


def _status(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f" (HTTP {status})" if isinstance(status, int) else ""


def _told(info: Any) -> Mapping[str, _Told]:
    files = {}
    for one in info.siblings or ():
        sha256 = one.lfs.sha256 if one.lfs else ""
        files[one.rfilename] = _Told(one.rfilename, one.size, sha256, "" if sha256 else one.blob_id or "")
    return files


def _refuse_unsafe(uri: str, told: Mapping[str, _Told]) -> None:
    if CONFIGURATION not in told:
        raise ModelFolderRefused(
            f"{uri}: expected {CONFIGURATION}, which transformers and timm write; the model has none"
        )
    if INDEX not in told and WEIGHTS not in told:
        raise refused_weights(uri, told)


def _folder(uri: str, told: Mapping[str, _Told], fetch: Any) -> Path:
    """Fetch what is read of the folder, JSON first, and return where it lies."""
    indices = () if WEIGHTS in told else (INDEX,)  # as transformers: one file of weights before several
    documents = [CONFIGURATION, *(name for name in OPTIONAL if name in told), *indices]
    _refuse_large(uri, [told[name] for name in documents], MOST_JSON_BYTES)
    paths = [_whole(uri, told[name], fetch(name)) for name in documents]
    folder = paths[0].parent
    names = weight_files(folder / INDEX) if indices else [WEIGHTS]
    if absent := [name for name in names if name not in told]:
        raise ModelFolderRefused(f"{uri}: {printable(absent[0][:128])} is missing, which {INDEX} names")
    if len(names) > MOST_FILES:
        raise ModelFolderRefused(f"{uri}: expected weights in at most {counted(MOST_FILES, 'file')}, got {len(names)}")
    _refuse_large(uri, [told[name] for name in names], MOST_BYTES)
    for name in names:
        _whole(uri, told[name], fetch(name))
    return folder


def _refuse_large(uri: str, files: Iterable[_Told], most_bytes: int) -> None:
    sizes = [one.size_bytes for one in files]
    if any(size is None for size in sizes) or sum(size or 0 for size in sizes) > most_bytes:
        raise ModelFolderRefused(f"{uri}: expected files of known size, at most {most_bytes // 1024**2:,} MiB together")


def _whole(uri: str, told: _Told, path: Path) -> Path:
    """The file, whose bytes are those that the hub tells of.

    Raises:
        DataLoss: they are others.
    """
    size = path.stat().st_size
    sha256, git_sha1 = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            sha256.update(block)
            git_sha1.update(block)
    differs = told.sha256 not in {"", sha256.hexdigest()} or told.git_sha1 not in {"", git_sha1.hexdigest()}
    if differs or size != told.size_bytes:
        raise DataLoss(
            f"{uri}: the bytes of {told.name} differ from what the hub announced; delete {path.resolve()} and fetch "
            "the model again",
            reason="HUB_FILE_CORRUPT",
        )
    return path
