"""A server of the Open Inference Protocol v2 over REST and gRPC, with a model that a person can compute.

It behaves badly where a test asks: each field of `Behaviour` can be changed while it runs.
"""

import json
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import numpy as np
from modicum_server.generated import open_inference_pb2 as messages
from modicum_server.generated import open_inference_pb2_grpc

MODEL, INPUT, OUTPUT = "halves", "images", "scores"
SCALE = 8.0


def scores_of(images):
    """The mean of the left half and that of the right half, times SCALE: two logits an image."""
    left, right = np.split(images, 2, axis=3)
    return SCALE * np.stack([left.mean(axis=(1, 2, 3)), right.mean(axis=(1, 2, 3))], axis=1).astype(np.float32)


@dataclass
class Behaviour:
    """How the server answers.

    `busy` is how many inferences are refused as busy before the next is answered, `unready` how often the model is said
    not to be ready. `ready_status` and `ready_code` answer that question otherwise.
    """

    model: object = scores_of
    shape: tuple[int, ...] = (-1, 3, 8, 8)
    datatype: str = "FP32"
    inputs: tuple[str, ...] = (INPUT,)
    outputs: tuple[str, ...] = (OUTPUT,)
    versions: tuple[str, ...] = ("1",)
    busy: int = 0
    unready: int = 0
    unready_status: int = 400
    ready_status: int = 200
    ready_code: grpc.StatusCode | None = None
    retry_after: str = ""
    status: int = 200
    location: str = ""
    code: grpc.StatusCode | None = None
    description_status: int = 200
    description_code: grpc.StatusCode | None = None
    hold: threading.Event | None = None
    rows: int = 0
    typed: bool = False
    credentials: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def ready(self):
        self.unready -= 1
        return self.unready < 0

    def infer(self, images):
        self.batches.append(len(images))
        if self.hold is not None:
            self.hold.wait(30)
        scores = np.asarray(self.model(images), np.float32)
        return scores[: len(scores) + self.rows]


class _Rest(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Behaviour

    def do_GET(self):
        if self.path.endswith("/ready"):
            self._say_ready()
            return
        shape = list(self.behaviour.shape)
        self._say(
            {
                "name": MODEL,
                "versions": list(self.behaviour.versions),
                "platform": "arithmetic",
                "inputs": [
                    {"name": one, "datatype": self.behaviour.datatype, "shape": shape} for one in self.behaviour.inputs
                ],
                "outputs": [{"name": one, "datatype": "FP32", "shape": [-1, 2]} for one in self.behaviour.outputs],
            },
            self.behaviour.description_status,
        )

    def _say_ready(self):
        ready = self.behaviour.ready()
        told = self.behaviour.ready_status if ready else self.behaviour.unready_status
        self._say({"name": MODEL, "ready": ready}, told)

    def do_POST(self):
        (tensor,) = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"]
        if self.behaviour.busy:
            self.behaviour.busy -= 1
            self._say({"error": "busy"}, 503, {"Retry-After": self.behaviour.retry_after})
            return
        scores = self.behaviour.infer(np.asarray(tensor["data"], np.float32).reshape(tensor["shape"]))
        data = scores.ravel().tolist()
        output = {"name": OUTPUT, "datatype": "FP32", "shape": list(scores.shape), "data": data}
        self._say({"model_name": MODEL, "outputs": [output]}, self.behaviour.status)

    def _say(self, document, status=200, headers=None):
        self.behaviour.credentials.append(self.headers.get("Authorization", ""))
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Location": self.behaviour.location}.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


class _Grpc(open_inference_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self, behaviour):
        self._behaviour = behaviour

    def ModelReady(self, request, context):  # noqa: N802 - the name of the method in the protocol
        if self._behaviour.ready_code is not None:
            context.abort(self._behaviour.ready_code, "a secret of the endpoint")
        return messages.ModelReadyResponse(ready=self._behaviour.ready())

    def ModelMetadata(self, request, context):  # noqa: N802 - as above
        told = messages.ModelMetadataResponse.TensorMetadata
        behaviour = self._behaviour
        behaviour.credentials.append(dict(context.invocation_metadata()).get("authorization", ""))
        if behaviour.description_code is not None:
            context.abort(behaviour.description_code, "a secret of the endpoint")
        return messages.ModelMetadataResponse(
            name=MODEL,
            versions=behaviour.versions,
            inputs=[told(name=one, datatype=behaviour.datatype, shape=behaviour.shape) for one in behaviour.inputs],
            outputs=[told(name=one, datatype="FP32", shape=(-1, 2)) for one in behaviour.outputs],
        )

    def ModelInfer(self, request, context):  # noqa: N802 - as above
        behaviour = self._behaviour
        if behaviour.code is not None:
            context.abort(behaviour.code, "a secret of the endpoint")
        if behaviour.busy:
            behaviour.busy -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
        images = np.frombuffer(request.raw_input_contents[0], "<f4").reshape(request.inputs[0].shape)
        scores = behaviour.infer(images)
        output = messages.ModelInferResponse.InferOutputTensor(name=OUTPUT, datatype="FP32", shape=scores.shape)
        if behaviour.typed:
            output.contents.fp32_contents.extend(scores.ravel().tolist())
            return messages.ModelInferResponse(model_name=MODEL, outputs=[output])
        raw = scores.astype("<f4").tobytes()
        return messages.ModelInferResponse(model_name=MODEL, outputs=[output], raw_output_contents=[raw])


@contextmanager
def served(behaviour, *, certificate=None, host="127.0.0.1"):
    """Serve on loopback; yields the addresses of the model by scheme. `certificate` is one with its key, in files."""
    web = ThreadingHTTPServer(("127.0.0.1", 0), type("Rest", (_Rest,), {"behaviour": behaviour}))
    web.handle_error = lambda *_: None  # a client that gave up
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
        web.socket = context.wrap_socket(web.socket, server_side=True)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server = grpc.server(ThreadPoolExecutor(4))
    open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(_Grpc(behaviour), server)
    if certificate:
        pair = [path.read_bytes() for path in reversed(certificate)]
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    secure = "s" if certificate else ""
    server.start()
    try:
        yield {
            "http": f"http{secure}://{host}:{web.server_port}/{MODEL}",
            "grpc": f"grpc{secure}://{host}:{port}/{MODEL}",
        }
    finally:
        server.stop(0).wait()
        web.shutdown()
        thread.join()
        web.server_close()
