"""The service that audits image classifiers for overinterpretation: use cases, their doors, their adapters."""
