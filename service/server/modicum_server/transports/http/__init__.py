"""The HTTP port: REST (`rest`), metrics and probes, and what stands around them."""
