"""The worker's TorchServe: its Java process, its model processes and their confinement, its slots, its streams.

`adapter.TorchServe` implements `ports.ModelServer` and is the only name that the rest of the server needs. Nothing
here imports torch or `ts`: what runs inside a model's process is `modicum_server.handler`.
"""
