# Every target sets up what it needs; `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin

# The environment is made anew when the pinned set, the project's metadata or the Python changes;
# the kernels are compiled anew when a source of theirs changes.
SET_KEY := $(shell { cat requirements.lock pyproject.toml; $(PYTHON) -VV; } 2>/dev/null | sha256sum | cut -c1-16)
SOURCE_KEY := $(shell find engine tasks flows -name '*.py' | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-16)
INSTALLED := .venv/installed-$(SET_KEY)
WARM := .venv/warm-$(SET_KEY)-$(SOURCE_KEY)

.PHONY: help
help:
	@echo "make demo           set up if needed, then run the main job end to end on generated data"
	@echo "make test           set up if needed, then run the tests"
	@echo "make test-full      the tests with their full counts"
	@echo "make check          formatting, lint, types, import contracts, determinism lint"
	@echo "make bench          side-by-side figures against peers"
	@echo "make docs           write the generated reference pages"
	@echo "make setup          the environment in .venv and the compiled kernels"
	@echo "make setup-browser  the browser that page tests use"

.PHONY: setup
setup: $(WARM)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Lockstep needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V 2>&1)" >&2; exit 1; }
	@rm -f .venv/installed-* .venv/warm-*
	@if [ "$$($(BIN)/python -VV 2>/dev/null)" != "$$($(PYTHON) -VV)" ]; then \
		echo "==> making .venv"; $(PYTHON) -m venv --clear .venv; fi
	@echo "==> installing the pinned set (about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(WARM): $(INSTALLED)
	@rm -f .venv/warm-*
	@echo "==> compiling the kernels"
	@$(BIN)/lockstep warm
	@touch $@

.PHONY: setup-browser
setup-browser:
	@command -v chromium >/dev/null || { \
		if [ "$$(id -u)" = 0 ]; then apt-get update && apt-get install -y --no-install-recommends chromium; \
		else sudo apt-get update && sudo apt-get install -y --no-install-recommends chromium; fi; }

.PHONY: demo
demo: setup
	@$(BIN)/lockstep demo

.PHONY: test
test: setup
	@$(BIN)/pytest -n 2 --dist loadgroup -m "not full"

.PHONY: test-full
test-full: setup
	@$(BIN)/pytest -n 2 --dist loadgroup

.PHONY: check
check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.architecture.determinism_lint engine

.PHONY: bench
bench: setup
	@$(BIN)/python -m benchmarks

.PHONY: docs
docs: setup
	@$(BIN)/python -m flows.reference docs/reference
