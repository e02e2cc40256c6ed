#!/bin/sh
# Makes a role for each service with a database that it owns and no other service may connect to. With
# POSADA_ONE_DATABASE=name they share that database, each in a schema of its role's name, which PostgreSQL looks in
# first. Run again it changes nothing but the passwords. It takes the server from PGHOST, PGUSER, PGPASSWORD, and the
# services' passwords from AVAILABILITY_PASSWORD and so on.
set -eu
services="availability booking payments notifications conversations"
one=${POSADA_ONE_DATABASE:-}

# The passwords reach psql by its environment, never by an argument that others may list.
administer() {
  psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=service="$1" --set=database="$2" --dbname="$3"
}

for service in $services; do
  variable=$(printf %s "$service" | tr a-z A-Z)_PASSWORD
  eval "SERVICE_PASSWORD=\${$variable:?}"
  export SERVICE_PASSWORD
  administer "$service" "${one:-$service}" postgres <<'SQL'
\getenv password SERVICE_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', :'service')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'service') \gexec
SELECT format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L', :'service', :'password') \gexec
-- An administrator who is no superuser may give something only to a role that it belongs to.
GRANT :"service" TO CURRENT_USER;
SELECT format('CREATE DATABASE %I', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"database" TO :"service";
SQL
  if [ -n "$one" ]; then
    administer "$service" "$one" "$one" <<'SQL'
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS :"service" AUTHORIZATION :"service";
SQL
  else
    administer "$service" "$service" postgres <<'SQL'
ALTER DATABASE :"database" OWNER TO :"service";
SQL
  fi
done
echo "roles and databases are there: $services"
