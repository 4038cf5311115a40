"""What the service does, by noun, for any transport: plain values in, plain values out, errors of `errors.py`.

Sees the store, the artifact store and the changes only as the protocols of `ports`; knows no protobuf, no HTTP, no SQL.
"""
