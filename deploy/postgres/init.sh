#!/usr/bin/env bash
# Run by PostgreSQL's image once, when its volume is empty: a database with three roles for each service. The passwords are
# in files named after the roles; psql reads them itself, so that they stand in no command line.
set -euo pipefail

for file in /keys/*_owner; do
    service=$(basename "$file" _owner)
    psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<SQL
\set service $service
\set owner_password \`cat /keys/${service}_owner\`
\set app_password \`cat /keys/${service}_app\`
\set relay_password \`cat /keys/${service}_relay\`
\i /deploy/postgres/roles.sql
\i /deploy/postgres/limits.sql
SQL
done
