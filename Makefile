# Lockkeeper. Needs Python 3.11, git and make; everything else is installed into .venv by itself.
# make demo    set up everything and run the whole road on SQLite with the bundled bank simulator (ONCE=1: check and stop)
# make test    set up and run the tests
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
# Nothing of the caller's Python reaches ours, and nothing of a developer's database reaches the tests.
CLEAN := env -u PYTHONPATH -u PYTHONHOME -u DJANGO_SETTINGS_MODULE
LOCAL := $(CLEAN) -u DATABASE_URL -u REDIS_URL -u QUEUE_BROKER
SERVICES_DATABASE_URL ?= postgres://root@127.0.0.1:5432/lockkeeper
SERVICES_REDIS_URL ?= redis://127.0.0.1:6379/9
ONCE ?=
PORT ?= 8000
ARGS ?=
# A file stays with one process: what its tests share (banks, keys, clusters) is made once.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile

.PHONY: help setup demo test coverage check format services-test browser-test fresh-test bench lock clean

help:
	@sed -n 's/^# make /make /p' Makefile
	@echo 'make check          format, lint, types, import contracts, system checks, missing migrations'
	@echo 'make coverage       the tests, with the lines they reach'
	@echo 'make services-test  the tests on PostgreSQL, the queue tests on Redis too'
	@echo 'make browser-test   the tests in a real Chromium'
	@echo 'make fresh-test     clone into an empty folder and run the two commands there'
	@echo 'make bench          benchmarks, as ratios in one run'
	@echo 'make lock           compile the locks from pyproject.toml'

setup: $(READY)

$(READY): requirements-dev.lock
	@test -n "$(PYTHON)" || { echo 'Python 3.11 was not found: install it, or run make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "Lockkeeper needs Python 3.11 to 3.13; $(PYTHON) is `$(PYTHON) -V`. Run make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo 'Setting up .venv (about a minute, once per lock)'
	@rm -rf .venv
	@$(CLEAN) $(PYTHON) -m venv .venv || { echo 'The venv module is missing: install your system'"'"'s python3-venv package.' >&2; exit 1; }
	@# --no-deps: the lock is complete, and an older pip looks past its pins for a requirement with extras.
	@$(CLEAN) $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock \
	  || { rm -rf .venv; echo 'The dependencies could not be installed: is there a network, and does pip reach its index?' >&2; exit 1; }
	@touch $(READY)

demo: $(READY)
	@$(LOCAL) $(BIN)/python -m config.demo --port $(PORT) $(if $(ONCE),--once)

test: $(READY)
	$(LOCAL) $(BIN)/python -m pytest $(PARALLEL) -m 'not browser and not fresh' $(ARGS)

coverage: $(READY)
	$(LOCAL) $(BIN)/python -m pytest $(PARALLEL) -m 'not browser and not fresh' --cov --cov-report=term:skip-covered $(ARGS)

check: $(READY)
	$(CLEAN) $(BIN)/ruff format --check .
	$(CLEAN) $(BIN)/ruff check .
	$(LOCAL) $(BIN)/mypy
	$(CLEAN) $(BIN)/lint-imports
	$(LOCAL) DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python manage.py check --fail-level WARNING
	$(LOCAL) DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python manage.py makemigrations --check --dry-run
	$(CLEAN) $(BIN)/python -m pytest -q tests/test_architecture.py

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

services-test: $(READY)
	$(CLEAN) DATABASE_URL=$(SERVICES_DATABASE_URL) $(BIN)/python -m pytest --create-db $(PARALLEL) -m 'not browser and not fresh' $(ARGS)
	$(CLEAN) DATABASE_URL=$(SERVICES_DATABASE_URL) REDIS_URL=$(SERVICES_REDIS_URL) QUEUE_BROKER=redis \
	  $(BIN)/python -m pytest --create-db -m queue $(ARGS)

browser-test: $(READY)
	$(LOCAL) $(BIN)/python -m pytest -m browser $(ARGS)

fresh-test: $(READY)
	$(LOCAL) $(BIN)/python -m pytest -m fresh $(ARGS)

bench: $(READY)
	$(CLEAN) $(BIN)/python -m benchmarks $(ARGS)

LOCK := uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
  --universal --python-version 3.11 pyproject.toml

lock:
	$(LOCK) -o requirements.lock
	$(LOCK) --extra aws -o requirements-aws.lock
	$(LOCK) --extra vault -o requirements-vault.lock
	$(LOCK) --group dev -o requirements-dev.lock
	$(LOCK:pyproject.toml=) --group bench -o requirements-bench.lock

clean:
	rm -rf .venv var .mypy_cache .ruff_cache .import_linter_cache .hypothesis
