"""What the service knows, as plain frozen values: no transport, no SQL, no torch. The words are docs/method.md's."""
