#!/bin/sh
# Creates the role that serves, when the image makes a new database. `modicum-server migrate` gives it its rights.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 --set password="$SERVICE_PASSWORD" <<'SQL'
CREATE ROLE modicum_service LOGIN PASSWORD :'password';
SQL
