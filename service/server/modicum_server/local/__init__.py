"""Everything on one machine with no service to install: Postgres, API and worker as children of one supervisor."""
