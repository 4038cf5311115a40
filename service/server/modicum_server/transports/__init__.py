"""gRPC and REST. Both are thin: `methods` translates the contract's messages, and `layers` surround every call.

No rule of the service is here; the use cases have them.
"""
