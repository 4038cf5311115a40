"""The description of REST: OpenAPI 3.1 from the same descriptors as the routes, and a page made from it."""
