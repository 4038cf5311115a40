"""Pages for people in a browser, on the HTTP port: the third thin door over the use cases, beside gRPC and REST.

A page asks the use cases what a program would ask through REST, as the principal of its session, and renders HTML. It
decides nothing. Must not import REST, the codec or protobuf.
"""
