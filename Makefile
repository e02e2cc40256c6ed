# Needs Python 3.11 or later, git and make; everything else is downloaded into .venv.
# Pass arguments with ARGS: make test ARGS="tests/database/payments -x"

UV_VERSION := 0.13.8
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.posada-ready
RIVALS := .rivals
SHELL := /bin/sh
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
# Tests that containers' Kafka and PostgreSQL behave like the embedded ones: starts, offsets, stops, crashes, a day, a storm.
CONTAINER_TESTS := tests/deploy/local/test_running_backends.py tests/cluster/shared/test_subscriber_on_kafka.py \
  tests/cluster/shared/test_service_stop.py tests/cluster/bookings/test_scenarios.py tests/cluster/faults/test_crashes.py \
  tests/cluster/chaos/test_storm.py
ARGS ?=
# Number of processes that run tests; ARGS="-n 0" runs them in one.
TEST_WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest --durations=10
PARALLEL := -n $(TEST_WORKERS) --no-loadscope-reorder

export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Without bytecode each process of a cluster compiles every module that it imports: seconds of a processor.
export PYTHONDONTWRITEBYTECODE :=
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env demo up test test-long test-quick coverage test-containers chaos chaos-long image compose bench \
  bench-rivals bench-growth lint types schemas fix secrets audit sbom sbom-image

help: ## Show these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 27

demo: $(READY) ## A scripted day on real Kafka and PostgreSQL: bookings, a race, a late payment
	@$(BIN)/posada demo $(ARGS)

up: $(READY) ## Kafka, PostgreSQL and the five services, until Ctrl-C
	@$(BIN)/posada up $(ARGS)

test: $(READY) ## Every test; long tests with a smaller count
	@$(PYTEST) $(PARALLEL) $(ARGS)

test-long: $(READY) ## The long tests with their whole count: kills, lines, storms, examples
	@POSADA_TESTS=long $(PYTEST) $(PARALLEL) -m long $(ARGS)

test-quick: $(READY) ## Rules and units only, without servers
	@$(PYTEST) $(PARALLEL) tests/unit $(ARGS)

coverage: $(READY) ## Every test, and the lines and branches that no test ran
	@$(PYTEST) $(PARALLEL) --cov --cov-branch --cov-report=term:skip-covered $(ARGS)

test-containers: $(READY) ## The integration tests on containers, and the whole of deploy/compose.yaml
	@POSADA_PARTS=docker $(BIN)/python -m pytest -m "real and not containers" $(CONTAINER_TESTS) $(ARGS)
	@POSADA_CONTAINERS=$${POSADA_CONTAINERS:-required} $(BIN)/python -m pytest -m containers tests/deploy $(ARGS)

image: ## The container image, posada:local
	@docker build --file deploy/Dockerfile --tag posada:local \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) .

compose: ## The whole system in containers, until `docker compose down` in deploy/
	@deploy/secrets.sh
	@cd deploy && docker compose up --detach --wait --build $(ARGS)

chaos: $(READY) ## Faults during bookings on a cluster of its own for five minutes, then the audit; ARGS="--seed 7" repeats one
	@$(BIN)/python -m chaos $(ARGS)

chaos-long: $(READY) ## The same with 12,000 bookings in half an hour
	@$(BIN)/python -m chaos --bookings 12000 --minutes 28 $(ARGS)

bench: $(READY) ## Measure the hot path: one JSON object on standard output, a table on standard error
	@$(BIN)/python -m benchmarks.bookings.hot_path $(ARGS)

# The rivals' packages have an environment of their own.
bench-rivals: $(READY) ## Compare Posada with plain code, DBOS, Restate and Temporal, about thirteen minutes
	@export VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT=$(RIVALS)/venv; sync="$(BIN)/uv sync --frozen --quiet --python $(BIN)/python"; \
	$$sync --group rivals >&2 || { echo "the rivals' packages could not be fetched: measuring without them" >&2; $$sync >&2; }
	@POSADA_RIVALS=$(RIVALS) $(RIVALS)/venv/bin/python -m benchmarks.rivals $(ARGS)

bench-growth: $(READY) ## Measure how rates change with instances and with bookings in the database
	@$(BIN)/python -m benchmarks.growth.growth $(ARGS)

lint: $(READY) ## Style, formatting and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

fix: $(READY) ## Apply ruff's automatic fixes
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(READY) ## mypy, strict
	@$(BIN)/mypy

schemas: $(READY) ## Write the JSON Schemas and the AsyncAPI document of every message
	@$(BIN)/posada schemas $(ARGS)

secrets: $(READY) ## Check that no tracked file has a secret; false alarms are listed in .secrets.baseline
	@git ls-files -z -- ':!uv.lock' ':!contracts' ':!tests/contracts/recorded' ':!deploy/local/kafka/kafka-jars.txt' | \
	  xargs -0 $(BIN)/detect-secrets-hook --baseline .secrets.baseline

audit: $(READY) ## Known vulnerabilities of the locked packages; needs the network
	@$(BIN)/python .ci/audit

sbom: $(READY) ## Posada's dependencies, as CycloneDX on standard output
	@VIRTUAL_ENV= $(BIN)/uv export --frozen --quiet --no-default-groups --format cyclonedx1.5 --preview-features sbom-export

sbom-image: $(READY) ## The same for the image, with Debian's packages and Python; IMAGE=posada:local
	@$(MAKE) sbom | $(BIN)/python .ci/sbom-image $(or $(IMAGE),posada:local)

env: $(READY) ## Only set up .venv
	@:

# Set-up writes to standard error only, so that a benchmark's standard output has nothing but its result.
# A Python that was built with optimizations is preferred (benchmarks/interpreter.py).
$(READY): uv.lock pyproject.toml Makefile
	@{ set -eu; \
	if [ ! -x $(BIN)/python ] || ! $(BIN)/python -c '' 2>/dev/null; then \
	  for name in python3.11 python3.12 python3.13 python3 /usr/bin/python3.11 /usr/bin/python3 python; do \
	    "$$name" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    python=$${python:-$$name}; \
	    if "$$name" benchmarks/interpreter.py; then python=$$name; break; fi; \
	  done; \
	  if [ -z "$${python:-}" ]; then \
	    echo "Posada needs Python 3.11 or later with its venv module, and found none: install it and run make again"; \
	    echo "(on Debian and Ubuntu: apt install python3-venv)."; exit 1; \
	  fi; \
	  echo "setting up $(VENV) with $$($$python --version)"; \
	  $$python -m venv --clear $(VENV); \
	fi; \
	if [ "$$($(BIN)/uv --version 2>/dev/null | cut -d' ' -f2)" != "$(UV_VERSION)" ]; then \
	  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
	  echo "fetching uv $(UV_VERSION)"; \
	  $(BIN)/python -m pip install --quiet "uv==$(UV_VERSION)"; \
	fi; \
	echo "fetching the packages of uv.lock (the first time some 300 MB)"; \
	VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --quiet --compile-bytecode --python $(BIN)/python; \
	touch $@; \
	} >&2
