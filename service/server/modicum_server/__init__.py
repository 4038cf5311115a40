"""The service that audits image classifiers for overinterpretation: use cases, transports and other adapters."""
