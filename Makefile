# make help lists what people and CI run. Every target does its own set-up.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := $(shell command -v python3.11 || command -v python3.12 || command -v python3)
UV_VERSION := 0.13.9
LAKE ?= lake
LANDING ?= landing
PER_FORMAT ?= 2000
READY := .venv/oncolake/ready
RUN := .venv/bin
SCALE ?= full
JOBS ?= 2
PYTEST := $(RUN)/python -m pytest -q -n $(JOBS) --dist loadfile

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## the environment in .venv: locked packages, Delta JARs; done by the other targets by themselves

$(READY): uv.lock pyproject.toml infra/deploy/jars.sha256 infra/jars.py infra/spark.py oncolake/rehearsal.py
	@test -n "$(PYTHON)" || { echo "No Python was found; install Python 3.11 or 3.12."; exit 1; }
	@"$(PYTHON)" -c 'import sys; ok = (3, 11) <= sys.version_info[:2] < (3, 13); \
	  ok or print(f"{sys.executable} is Python {sys.version.split()[0]}; install Python 3.11 or 3.12."); sys.exit(not ok)'
	@"$(PYTHON)" -m infra.java
	@test -x .venv/bin/uv || { "$(PYTHON)" -m venv --clear .venv && .venv/bin/pip install --quiet uv==$(UV_VERSION); }
	@echo "Installing the locked packages ..."
	@VIRTUAL_ENV= UV_PYTHON="$(PYTHON)" .venv/bin/uv sync --frozen --all-extras --quiet --compile-bytecode
	@echo "Fetching the Delta JARs and preparing the JVM ..."
	@$(RUN)/python -m infra.jars
	@$(RUN)/python -m oncolake.rehearsal
	@touch $(READY)

demo: $(READY) ## the main job: cohort files -> tables -> features -> runs, in ./lake
	@$(RUN)/oncolake demo --lake $(LAKE) --landing $(LANDING)

ui: $(READY) ## MLflow and Data Docs of ./lake on local ports
	@$(RUN)/oncolake ui --lake $(LAKE)

browser: servers ## Chromium for the test of the schedule's page (apt-get, as root); without it that test is skipped
	@command -v chromium > /dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; }

servers: ## Redis and PostgreSQL for the tests of the online stores (apt-get, as root); without them those tests are skipped
	@command -v redis-server > /dev/null && ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server postgresql; }

test: check test-fast test-slow ## linters, then all tests: the fast ones first; JOBS=4 for more at once

test-fast: $(READY)
	@$(PYTEST) -m "not slow"

test-slow: $(READY)
	@$(PYTEST) -m "slow and not fire"

kill-matrix: $(READY) ## SIGKILL at every point of an ingest and at random moments, each run again; about half an hour
	@$(RUN)/python -m pytest -q -m fire
	@$(RUN)/python -m tests.ingestion.matrix

conformance: $(READY) ## what Feast's own suite asks of an offline store, asked of ours with both engines; no network
	@$(RUN)/python -m tests.conformance

evidence: $(READY) ## after demo: what was planted in its cohort, held against what the runs of ./lake found; writes docs/evidence.md
	@$(RUN)/python -m tests.evidence --lake $(LAKE) --landing $(LANDING)

fuzz: $(READY) ## 2,000 mutated files for every reader; PER_FORMAT=200 for fewer
	@$(RUN)/python -m tests.ingestion.fuzz --per-format $(PER_FORMAT)

check: $(READY) ## ruff, mypy, the one-way street of imports, and that generated docs are fresh
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports --no-cache
	@$(RUN)/python -m oncolake.dictionary --check docs/data-dictionary.md

docs: $(READY) ## writes docs/data-dictionary.md from the declarations
	@$(RUN)/python -m oncolake.dictionary docs/data-dictionary.md

format: $(READY) ## formats the code
	@$(RUN)/ruff format .
	@$(RUN)/ruff check --fix .

bench: $(READY) ## measures against peers and writes docs/benchmarks.md: an hour; SCALE=small for a look, NAMES="gate memory" for some
	@$(RUN)/python -m tests.bench $(NAMES) --scale $(SCALE)

clean: ## removes the demo's lake and landing folder; the environment stays
	rm -rf $(LAKE) $(LANDING)

.PHONY: help setup demo evidence ui browser servers test test-fast test-slow kill-matrix conformance fuzz check docs format bench clean
