"""gRPC: the grpc.aio server, the layers around every call, health and reflection."""
