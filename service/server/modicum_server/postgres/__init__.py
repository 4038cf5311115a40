"""How this process reaches Postgres: addresses, connections and notifications. Knows no table."""
