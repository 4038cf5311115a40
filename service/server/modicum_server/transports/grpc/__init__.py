"""The gRPC door: grpc.aio, its layers around every call, health and reflection."""
