"""REST from the contract's `google.api.http` annotations, as thin as gRPC, over the same `methods`.

`templates` and `routes` read the annotations. `requests` and `protojson` turn requests into messages. `responses`,
`events`, `downloads` and `uploads` are the four shapes of a call. `problems` are the errors, in the names of
`json_names`. `endpoint` joins them, and `openapi` describes them. There is no rule of the service here, and no list of
its methods.
"""
