#!/bin/sh
# Creates .env beside this file, or the given file, with random passwords, readable by its owner only. An existing file
# keeps its values and gets the missing ones.
set -eu
umask 077
file=${1:-$(dirname "$0")/.env}
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
touch "$file"
[ -z "$(tail -c1 "$file")" ] || echo >> "$file"
for name in POSTGRES_PASSWORD AVAILABILITY_PASSWORD BOOKING_PASSWORD PAYMENTS_PASSWORD NOTIFICATIONS_PASSWORD \
  CONVERSATIONS_PASSWORD AVAILABILITY_OWNER_PASSWORD BOOKING_OWNER_PASSWORD PAYMENTS_OWNER_PASSWORD \
  NOTIFICATIONS_OWNER_PASSWORD CONVERSATIONS_OWNER_PASSWORD POSADA_API_TOKEN GRAFANA_PASSWORD; do
  grep -q "^$name=" "$file" || { echo "$name=$(secret)" >> "$file"; echo "made $name in $file"; }
done
# Secrets by key id or by sender's name; docs/operate.md says what they sign. A list may have a second secret.
signs() { grep -q "^$1=" "$file" || { echo "$1='$2'" >> "$file"; echo "made $1 in $file"; }; }
signs POSADA_KAFKA_SECRETS "{\"1\": \"$(secret)\"}"
signs POSADA_GATEWAY_SECRETS "{\"chat\": [\"$(secret)\"]}"
signs POSADA_SOURCE_SECRETS "{\"bank\": [\"$(secret)\"]}"
echo "$file has every password"
