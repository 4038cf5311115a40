"""REST from the contract's `google.api.http` annotations: a door as thin as gRPC's, over the same `methods`.

`templates` and `routes` read the annotations, `requests` and `protojson` make messages of requests, `responses`,
`events`, `downloads` and `uploads` are the four shapes of a call, `problems` is an error, `door` puts them together;
`openapi` describes it all. No rule of the service stands here, and no list of its methods.
"""
