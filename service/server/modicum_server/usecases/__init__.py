"""What the service does, one module a noun: plain values in, plain values out, errors of `errors.py`.

Reaches everything outside through the protocols of `ports`. Knows no protobuf, no HTTP and no SQL.
"""
