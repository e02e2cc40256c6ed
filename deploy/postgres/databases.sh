#!/bin/sh
# Creates two roles and a database for each service. NAME_owner owns the database and everything in it, and migrates.
# NAME, the service's role, reads and writes rows and can alter nothing, neither constraints nor triggers. No other
# service may connect. With POSADA_ONE_DATABASE=name all share that database, each in a schema of its service's name.
# Run again, it changes only the passwords, and transfers to the owners what services of an older version, or the user
# who restored a backup, own. Reads the server from PGHOST, PGUSER, PGPASSWORD, and passwords from BOOKING_PASSWORD,
# BOOKING_OWNER_PASSWORD and so on. The user must be able to create roles and databases, and need not be a superuser.
set -eu
services="availability booking payments notifications conversations"
one=${POSADA_ONE_DATABASE:-}
# Suppress notices about what exists already.
export PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning"

# psql gets the passwords by its environment, because other users can list arguments.
administer() {
  psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=service="$1" --set=owner="$1_owner" --set=database="$2" \
    --set=schema="$3" --set=one="$one" --dbname="$4"
}

for service in $services; do
  variable=$(printf %s "$service" | tr a-z A-Z)
  eval "SERVICE_PASSWORD=\${${variable}_PASSWORD:?} OWNER_PASSWORD=\${${variable}_OWNER_PASSWORD:?}"
  export SERVICE_PASSWORD OWNER_PASSWORD
  database=${one:-$service}
  schema=${one:+$service}
  administer "$service" "$database" "${schema:-public}" "${PGDATABASE:-postgres}" <<'SQL'
\getenv password SERVICE_PASSWORD
\getenv owner_password OWNER_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', role) FROM unnest(ARRAY[:'service', :'owner']) role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
SELECT format('ALTER ROLE %I NOCREATEDB NOCREATEROLE PASSWORD %L', :'service', :'password') \gexec
SELECT format('ALTER ROLE %I NOCREATEDB NOCREATEROLE PASSWORD %L', :'owner', :'owner_password') \gexec
-- An administrator without superuser rights can transfer ownership only to a role of which it is a member; since
-- PostgreSQL 16 only if it inherits that role's rights and can act as that role.
SELECT format('GRANT %I, %I TO CURRENT_USER', :'service', :'owner')
  || CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END
FROM pg_roles WHERE rolname = current_user AND NOT rolsuper \gexec
SELECT format('CREATE DATABASE %I', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
SQL
  # One transaction, so that running services lose no right meanwhile; lock_timeout limits the wait for locks.
  administer "$service" "$database" "${schema:-public}" "$database" <<'SQL' || {
BEGIN;
SET LOCAL lock_timeout = '5s';
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SELECT :'one' <> '' AS shared \gset
\if :shared
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS :"schema" AUTHORIZATION :"owner";
-- The schema before its contents: a new owner of an object needs the right to create it in the schema.
SELECT format('ALTER SCHEMA %I OWNER TO %I', :'schema', :'owner') FROM pg_namespace
WHERE nspname = :'schema' AND nspowner <> :'owner'::regrole AND pg_has_role(nspowner, 'USAGE') \gexec
-- The service's role finds the schema by its own name.
ALTER ROLE :"owner" IN DATABASE :"database" SET search_path = :"schema";
\else
ALTER DATABASE :"database" OWNER TO :"owner";
-- In databases created before PostgreSQL 15 everybody may create tables in public, and the owner needs a grant.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO :"owner";
\endif
REASSIGN OWNED BY :"service" TO :"owner";
-- Objects that an administrator restored belong to the administrator. A table's sequences follow the table.
WITH things AS (
  SELECT 'SCHEMA ' || quote_ident(nspname) AS thing, nspowner AS holder, 'pg_namespace'::regclass AS kind, oid
  FROM pg_namespace WHERE nspname = :'schema' AND :'one' <> ''
  UNION ALL
  SELECT 'TABLE ' || oid::regclass, relowner, 'pg_class'::regclass, oid
  FROM pg_class WHERE relnamespace = :'schema'::regnamespace AND (relkind IN ('r', 'p', 'v', 'm', 'f') OR relkind = 'S'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
      AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')))
  UNION ALL
  SELECT 'ROUTINE ' || oid::regprocedure, proowner, 'pg_proc'::regclass, oid
  FROM pg_proc WHERE pronamespace = :'schema'::regnamespace
)
SELECT CASE WHEN pg_has_role(holder, 'USAGE') THEN format('ALTER %s OWNER TO %I', thing, :'owner') ELSE
  format('DO %L', format('BEGIN RAISE WARNING %L; END', format(
    '%1$s belongs to %2$s and cannot be migrated: let %2$s run ALTER %1$s OWNER TO %3$I',
    thing, holder::regrole, :'owner')))
END
FROM things WHERE holder <> :'owner'::regrole AND NOT EXISTS (
  SELECT FROM pg_depend WHERE classid = kind AND objid = things.oid AND deptype = 'e'  -- an extension's
) \gexec
-- Grants come last, because a change of owner moves the old owner's grants to the new owner.
GRANT CONNECT ON DATABASE :"database" TO :"service", :"owner";
REVOKE TEMPORARY ON DATABASE :"database" FROM :"service";
GRANT USAGE ON SCHEMA :"schema" TO :"service";
SELECT format('GRANT %s ON %s TO %I', CASE relkind WHEN 'S' THEN 'USAGE, SELECT' ELSE 'SELECT, INSERT, UPDATE, DELETE' END,
  oid::regclass, :'service')
FROM pg_class WHERE relnamespace = :'schema'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND relowner = :'owner'::regrole \gexec
-- The same rights on objects that migrations will create.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA :"schema" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"service";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA :"schema" GRANT USAGE, SELECT ON SEQUENCES TO :"service";
COMMIT;
SQL
    echo "the rights in database $database are unchanged for $service; if a lock was the reason (a backup, an" \
      "audit or a long query reads the tables), run this again when it has ended" >&2
    exit 1
  }
done
echo "roles and databases exist: $services"
