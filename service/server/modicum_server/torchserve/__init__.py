"""The worker's TorchServe: its Java process, its model processes and their confinement, its slots, its streams.

`adapter.TorchServe` implements `model_server.ModelServer` and is the only name that the rest of the server needs.
Nothing here imports torch or `ts`: `modicum_server.model_process` is what runs inside a model's process.
"""
