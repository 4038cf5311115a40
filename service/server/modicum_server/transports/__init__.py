"""The doors: gRPC now, REST beside it later, both thin over `methods`, which knows the contract's messages.

No rule of the service stands here: use cases have them.
"""
