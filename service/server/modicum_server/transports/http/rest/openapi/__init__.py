"""The description of the REST door: OpenAPI 3.1 from the same descriptors that route it, and a page made from that."""
