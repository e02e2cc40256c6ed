#!/bin/sh
# Makes .env beside this file, or the file that is named, with fresh passwords, readable by its owner alone; one that
# is there stays as it is.
set -eu
umask 077
file=${1:-$(dirname "$0")/.env}
[ ! -e "$file" ] || { echo "$file is there already: it stays as it is"; exit 0; }
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
for name in POSTGRES_PASSWORD AVAILABILITY_PASSWORD BOOKING_PASSWORD PAYMENTS_PASSWORD NOTIFICATIONS_PASSWORD \
  CONVERSATIONS_PASSWORD POSADA_API_TOKEN GRAFANA_PASSWORD; do
  echo "$name=$(secret)"
done > "$file"
echo "made $file"
