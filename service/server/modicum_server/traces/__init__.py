"""Sends spans to a collector of OpenTelemetry. `opening` decides whether; nothing else imports that library."""
