#!/bin/sh
# Makes two roles and a database for each service. NAME_owner owns the database and everything in it, and migrates; NAME,
# the service's own, reads and writes rows and can alter nothing, its constraints and triggers least of all. No other
# service may connect. With POSADA_ONE_DATABASE=name they share that database, each in a schema of its service's name.
# Run again it changes nothing but the passwords; what services of an older Posada owned goes to the owners. It takes
# the server from PGHOST, PGUSER, PGPASSWORD, and passwords from BOOKING_PASSWORD, BOOKING_OWNER_PASSWORD and so on.
set -eu
services="availability booking payments notifications conversations"
one=${POSADA_ONE_DATABASE:-}

# The passwords reach psql by its environment, never by an argument that others may list.
administer() {
  psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=service="$1" --set=owner="$1_owner" --set=database="$2" \
    --set=schema="$3" --dbname="$4"
}

for service in $services; do
  variable=$(printf %s "$service" | tr a-z A-Z)
  eval "SERVICE_PASSWORD=\${${variable}_PASSWORD:?} OWNER_PASSWORD=\${${variable}_OWNER_PASSWORD:?}"
  export SERVICE_PASSWORD OWNER_PASSWORD
  database=${one:-$service}
  schema=${one:+$service}
  administer "$service" "$database" "${schema:-public}" postgres <<'SQL'
\getenv password SERVICE_PASSWORD
\getenv owner_password OWNER_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', role) FROM unnest(ARRAY[:'service', :'owner']) role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
SELECT format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L', :'service', :'password') \gexec
SELECT format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L', :'owner', :'owner_password') \gexec
-- An administrator who is no superuser may give something only to a role that it belongs to.
GRANT :"service", :"owner" TO CURRENT_USER;
SELECT format('CREATE DATABASE %I', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SQL
  if [ -n "$one" ]; then
    administer "$service" "$one" "$service" "$one" <<'SQL'
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS :"schema" AUTHORIZATION :"owner";
-- The service's own role finds it by its name.
ALTER ROLE :"owner" IN DATABASE :"database" SET search_path = :"schema";
SQL
  else
    administer "$service" "$service" public postgres <<'SQL'
ALTER DATABASE :"database" OWNER TO :"owner";
SQL
  fi
  administer "$service" "$database" "${schema:-public}" "$database" <<'SQL'
REASSIGN OWNED BY :"service" TO :"owner";
-- After that: what is granted to who owns a thing goes with it to the next owner.
GRANT CONNECT ON DATABASE :"database" TO :"service", :"owner";
GRANT USAGE ON SCHEMA :"schema" TO :"service";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA :"schema" TO :"service";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA :"schema" TO :"service";
-- The same for what migrations will make.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA :"schema" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"service";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA :"schema" GRANT USAGE, SELECT ON SEQUENCES TO :"service";
SQL
done
echo "roles and databases are there: $services"
