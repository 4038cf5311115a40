"""What the API and the worker tell Prometheus, one module each."""
