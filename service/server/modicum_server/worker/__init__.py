"""The worker: claims shards, runs them on a model server, and stores what comes back until the audit has its result.

Each kind of shard goes one way, in `shard_kinds`: `plan` makes a task from what is stored, `run` runs it on the model
server, `settle` ends the shard. `worker.Worker` is the way in. The worker uses the ports and the domain only: no torch,
no SQL, no protobuf.
"""
