"""Models of other libraries, told by their names: what they are, and the way to ONNX. Nothing is read of them."""

import os.path
from pathlib import Path

from modicum.errors import InvalidArgument

TO_ONNX = "export it to ONNX (for example with tf2onnx), and give --weights model.onnx"
SAVE_AS_ONNX = "export the network to ONNX from the library that trained it, and give --weights model.onnx"
PADDLE_TO_ONNX = "export the network to ONNX (with paddle2onnx), and give --weights model.onnx"
#: By suffix: the library, and what to do.
FOREIGN = {
    ".engine": ("an engine of TensorRT", SAVE_AS_ONNX),
    ".h5": ("a model of Keras", TO_ONNX),
    ".hdf5": ("a model of Keras", TO_ONNX),
    ".joblib": ("a pickle of scikit-learn", SAVE_AS_ONNX),
    ".keras": ("a model of Keras", TO_ONNX),
    ".mar": ("an archive of TorchServe", "give the weights in it, with --weights and --architecture"),
    ".mlmodel": ("a model of Core ML", SAVE_AS_ONNX),
    ".mlpackage": ("a model of Core ML", SAVE_AS_ONNX),
    ".msgpack": ("weights of Flax or JAX", SAVE_AS_ONNX),
    ".ort": ("a network for one runtime", "give the .onnx file that it was made from, with --weights"),
    ".pdiparams": ("a model of PaddlePaddle", PADDLE_TO_ONNX),
    ".pdmodel": ("a model of PaddlePaddle", PADDLE_TO_ONNX),
    ".pdparams": ("weights of PaddlePaddle", PADDLE_TO_ONNX),
    ".plan": ("an engine of TensorRT", SAVE_AS_ONNX),
    ".pb": ("a graph of TensorFlow", TO_ONNX),
    ".tflite": ("a model of TensorFlow Lite", TO_ONNX),
    ".xml": ("a model of OpenVINO", SAVE_AS_ONNX),
}
SAVED_MODEL = "saved_model.pb"


def refuse_foreign(path: Path) -> None:
    """Refuse a file or folder of a library whose models cannot be read.

    Raises:
        InvalidArgument
    """
    is_saved_model = os.path.isfile(path / SAVED_MODEL)  # noqa: PTH113  (no name is too long for it)
    named = Path(SAVED_MODEL).suffix if is_saved_model else path.suffix.lower()
    if named in FOREIGN:
        what, way = FOREIGN[named]
        raise InvalidArgument(f"{path}: {what} cannot be audited directly; {way}")
