"""The worker: claims shards, runs them on a model server, stores what comes back, ends stages, summarises.

It sees the ports and the domain only: no torch, no SQL, no protobuf. `worker.worker.Worker` is the way in.
"""
