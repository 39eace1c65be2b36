# Two commands do all set-up on a fresh Debian or Ubuntu machine (root or sudo, Python >= 3.11):
#     make demo     a C-ITS PKI, an SCMS, and firmware for a vehicle, start to end
#     make test     lint, types, all tests
# Each installs what it misses. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Line coverage below this fails `make coverage`.
COVERAGE_MIN ?= 90
# Test processes at once.
JOBS ?= 2
# What `make serve` serves; made by `init --lab` when it is not there.
DIR ?= demo-instance
ARGS ?=

SETUP := sh deploy/setup.sh

.PHONY: help setup demo test coverage lint types bench soak serve clean distclean lock
.DEFAULT_GOAL := help

help:
	@echo "make demo | test | coverage | setup | serve | bench | soak | lint | clean | distclean | lock"

# The script keeps a stamp with the digest of what it installed: nothing to do costs milliseconds.
setup:
	@$(SETUP) full $(PYTHON) $(VENV)

.PHONY: setup-runtime
setup-runtime:
	@$(SETUP) runtime $(PYTHON) $(VENV)

demo: setup-runtime
	@$(BIN)/v2xpki demo --profile all $(ARGS)

serve: setup-runtime
	@test -e $(DIR)/v2xpki.toml || $(BIN)/v2xpki init $(DIR) --lab --yes
	@$(BIN)/v2xpki serve $(DIR) $(ARGS)

bench: setup-runtime
	@$(BIN)/v2xpki bench $(ARGS)

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-logo
	@$(MAKE) --no-print-directory types

types:
	@$(BIN)/mypy

PYTEST := $(BIN)/python -m pytest -m "not soak" -n $(JOBS) --dist loadfile --no-loadscope-reorder

test: lint
	@$(PYTEST) $(ARGS)

# The same tests with every line counted, in served processes too: more than half as much again of CPU.
coverage: setup
	@$(PYTEST) --cov --cov-report=term --cov-fail-under=$(COVERAGE_MIN) $(ARGS)

soak: setup
	@$(BIN)/python -m pytest -m soak $(ARGS)

# Leaves .venv alone: what it holds is locked, and making it anew asks the network.
clean:
	@rm -rf demo-instance build dist htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache \
	    .hypothesis .import_linter_cache
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean
	@rm -rf $(VENV)

# Needs `uv` on the PATH. The locks name no index: each machine uses its own.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock:
	$(LOCK) $(ARGS) --extra build pyproject.toml -o requirements.lock
	$(LOCK) $(ARGS) --extra build --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
