"""Endpoints: the operator's entries, and calls of the Open Inference Protocol v2 over REST and gRPC.

Only the addresses of an entry are contacted, no redirect is followed, and no secret leaves this package but to its
endpoint.
"""
