"""The values of the service, plain and frozen: no transport, no SQL, no torch. docs/method.md defines the words."""
