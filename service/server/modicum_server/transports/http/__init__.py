"""HTTP: REST (`rest`), metrics and probes, and the middleware around them."""
