"""The doors, gRPC and REST, both thin over `methods`, which knows the contract's messages, and `layers` around them.

No rule of the service stands here: use cases have them.
"""
