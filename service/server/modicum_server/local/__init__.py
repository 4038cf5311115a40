"""A server on one machine, with nothing to install: Postgres, API and worker as children of one supervisor."""
