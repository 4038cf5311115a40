"""The weights in a folder of Hugging Face: one file of safetensors, or an index of several."""

from collections.abc import Container
from pathlib import Path

from modicum.errors import ModelFolderRefused
from modicum.sources.contents import Content, file_content
from modicum.sources.lfs import is_pointer, pointer_text
from modicum.sources.shards import INDEX, joined_shards, refuse_float8, require_whole

WEIGHTS = "model.safetensors"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.bin")
OTHER_FORMATS = {"tf_model.h5": "TensorFlow", "flax_model.msgpack": "Flax", "adapter_model.safetensors": "an adapter"}


def weights_of(path: Path) -> Content:
    """The weights of a folder.

    Raises:
        ModelFolderRefused: a file is missing or damaged.
    """
    chosen = _chosen_weights(path)
    return joined_shards(chosen) if chosen.name == INDEX else file_content(chosen)


def _chosen_weights(path: Path) -> Path:
    """One file of weights before the index of several, as transformers chooses."""
    return path / WEIGHTS if (path / WEIGHTS).is_file() else path / INDEX


def refuse_without_weights(path: Path) -> None:
    """Refuse a folder whose weights are not there, not safe, not whole or in float8. Only headers are read.

    Raises:
        ModelFolderRefused
    """
    chosen = _chosen_weights(path)
    if not chosen.is_file():
        raise refused_weights(str(path), {name for name in (*PICKLES, *OTHER_FORMATS) if (path / name).exists()})
    files = sorted(path.glob(f"*{Path(WEIGHTS).suffix}")) if chosen.name == INDEX else [chosen]
    if pointer := next(filter(is_pointer, files), None):
        raise ModelFolderRefused(pointer_text(pointer, "the weights"))
    require_whole(chosen)
    refuse_float8(chosen)


def refused_weights(where: str, names: Container[str]) -> ModelFolderRefused:
    """The error for a folder without safe weights, by the names of its files."""
    again = "Save it again with save_pretrained of a recent transformers, or save_for_hf(..., safe_serialization=True)"
    if found := next((name for name in PICKLES if name in names), None):
        return ModelFolderRefused(
            f"{where}: expected {WEIGHTS}, got only {found}, which is a pickle and can run code when it is read. "
            f"{again}"
        )
    for name, form in OTHER_FORMATS.items():
        if name in names:
            return ModelFolderRefused(f"{where}: expected {WEIGHTS}, got only {name}, which is {form}. {again}")
    return ModelFolderRefused(f"{where}: {WEIGHTS} is missing. Download it into the folder, or save the model again")
