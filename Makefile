# make run    set up everything and start the proxy
# make test   set up everything and run the tests
.DEFAULT_GOAL := help
.PHONY: help run test test-fleet agents lint fmt bench bench-dlp eval fuzz pictures lock clean
SHELL := /bin/sh
BIN := .venv/bin
# --no-deps below: the locks are complete, and the pip of Python 3.12.1 takes an extra in them for something unpinned.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-input

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

.venv/made:
	@python=$$(.ci/find-python) && "$$python" -m venv .venv
	@touch $@

# `make run NAMES=no` installs neither a model for names nor spaCy, which is more than half of it.
NAMES ?= yes
LOCKED := requirements/$(if $(filter no,$(NAMES)),small,run).lock

.venv/run: .venv/made $(LOCKED) pyproject.toml
	@echo "Installing (once; about a minute)"
	@$(PIP) --no-deps --require-hashes -r $(LOCKED)
	@$(PIP) --no-deps --no-build-isolation --no-index -e .
	@touch $@

.venv/dev: .venv/made requirements/dev.lock pyproject.toml
	@echo "Installing what the tests need (once; about two minutes)"
	@$(PIP) --no-deps --require-hashes -r requirements/dev.lock
	@$(PIP) --no-deps --no-build-isolation --no-index -e .
	@touch $@ .venv/run

.venv/node: tests/e2e/node/package-lock.json .venv/made
	@if command -v npm >/dev/null 2>&1; then \
	 if [ -z "$$NODE_EXTRA_CA_CERTS" ] && [ -r /etc/ssl/certs/ca-certificates.crt ]; then \
	  export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt; fi; \
	 npm ci --prefix tests/e2e/node --no-audit --no-fund --silent; \
	 else echo "npm is not installed: the tests of the npm client will say so"; fi
	@touch $@

# A gigabyte, of which the tests use this machine's binaries and run no script of a package.
.venv/agents: tests/e2e/agents/package-lock.json .venv/made
	@echo "Installing the command-line agents (once; about a minute)"
	@if [ -z "$$NODE_EXTRA_CA_CERTS" ] && [ -r /etc/ssl/certs/ca-certificates.crt ]; then \
	 export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt; fi; \
	 npm ci --prefix tests/e2e/agents --ignore-scripts --no-audit --no-fund --silent
	@touch $@

run: .venv/run ## set up everything and start the proxy on 127.0.0.1:8080
	@$(BIN)/outgate ca init --if-missing
	@exec $(BIN)/outgate run

test: .venv/dev .venv/node ## set up everything and run the tests
	$(BIN)/python -m pytest -n 2 -q

test-fleet: .venv/dev ## three proxies behind HAProxy, each killed under load; FLEET='--kills 12' for longer
	$(BIN)/python -m tests.fleet $(FLEET)

agents: .venv/dev .venv/agents ## test with Claude Code, Codex and Gemini CLI; without this they are skipped
	$(BIN)/python -m pytest -n 2 -q tests/e2e/test_agents.py

lint: .venv/dev ## ruff, mypy, and the layers of the design
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=proxy $(BIN)/lint-imports

fmt: .venv/dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/dev ## measure against stock mitmdump in the same run; the vault; restoring; workers
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.vault
	$(BIN)/python -m tests.bench.restore
	$(BIN)/python -m tests.bench.streams
	$(BIN)/python -m tests.bench.workers

pictures: .venv/run ## make the pictures of docs/ anew that show real output
	$(BIN)/python -P docs/pictures.py

bench-dlp: .venv/dev ## time detection, stock Presidio beside it
	$(BIN)/python -m tests.bench.dlp

eval: .venv/dev ## recall, precision and false findings of detection, beside Presidio and detect-secrets
	$(BIN)/python -m tests.eval

fuzz: .venv/dev ## ten minutes each: odd text through the detectors, damaged requests and answers through all parsers
	$(BIN)/python -m tests.fuzz
	$(BIN)/python -m tests.fuzz.requests --minutes 10
	$(BIN)/python -m tests.fuzz.answers --minutes 10

lock: .venv/dev ## make the locks anew from pyproject.toml
	$(BIN)/uv pip compile -q --upgrade $(LOCK) --extra ner --extra valkey --extra aws --extra postgres --extra build pyproject.toml -o requirements/run.lock
	$(BIN)/uv pip compile -q $(LOCK) --extra valkey --extra aws --extra postgres --extra build --overrides requirements/without-models.txt \
	 --constraints requirements/run.lock pyproject.toml -o requirements/small.lock
	sed -i "/sys_platform == 'never'/,/[^\\\\]$$/d" requirements/small.lock
	$(BIN)/uv pip compile -q --upgrade $(LOCK) --extra ner --extra valkey --extra aws --extra postgres --extra build --group dev pyproject.toml -o requirements/dev.lock
	echo uv | $(BIN)/uv pip compile -q --upgrade $(LOCK) - -o requirements/bootstrap.lock
LOCK := --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-annotate --no-header

clean: ## remove what the targets above made
	rm -rf .venv tests/e2e/node/node_modules tests/e2e/agents/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
