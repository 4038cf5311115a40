"""The gate: a policy, and the verdict on a result document by it.

Knows no network, no protobuf and no torch: what judges a file here judges it alike anywhere. Needs the extra
`modicum[gate]` (PyYAML, jsonschema, scipy), which each module imports where it uses it.
"""
