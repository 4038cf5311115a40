"""Which file of a registered version is audited. Pickled models are refused: reading one runs the code in it."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from modicum.errors import ModelRejected

#: Kinds of `model_file` by the suffix of a file, the preferred one first.
KINDS = {".safetensors": "weights", ".onnx": "weights", ".pt2": "exported"}
PICKLED = frozenset({".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib"})
WAY_OUT = (
    "log the weights beside it, for example mlflow.pytorch.log_model(model, name='model', "
    "extra_files=['w.safetensors']); a network in ONNX is taken too, and a torch.export program (.pt2) where the "
    "server allows programs"
)


def chosen_file(uri: str, files: Sequence[str]) -> tuple[str, str]:
    """The kind of the model and its file: the one safetensors file, else the one .onnx, else the one .pt2.

    Raises:
        ModelRejected: there is none, or several.
    """
    for suffix, kind in KINDS.items():
        found = [file for file in files if file.endswith(suffix)]
        if len(found) > 1:
            raise ModelRejected(
                f"{uri}: expected one {suffix} file, got {', '.join(found)}; register a version with one of them",
                reason="MODEL_AMBIGUOUS",
            )
        if found:
            return kind, found[0]
    pickled = [file for file in files if PurePosixPath(file).suffix in PICKLED]
    if pickled:
        raise ModelRejected(
            f"{uri}: expected weights as safetensors, got the pickled files {', '.join(pickled)}; pickles can run "
            f"code, so they are not read; {WAY_OUT}",
            reason="MODEL_PICKLED",
        )
    raise ModelRejected(
        f"{uri}: expected weights as safetensors, got {', '.join(files) or 'no file'}; {WAY_OUT}",
        reason="MODEL_MISSING",
    )
