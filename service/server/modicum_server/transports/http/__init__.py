"""The HTTP door: metrics and probes. REST and pages will be routes beside these, over the same `methods`."""
