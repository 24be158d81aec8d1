# Everything a newcomer or a machine needs; `make help` lists it.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help demo serve test check format e2e bench docs clean

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "viseon needs Python 3.11 or newer"'
	@$(PYTHON) -m venv $(VENV) || { echo 'Python cannot make a virtual environment: on Debian and Ubuntu run "apt-get install python3-venv"'; exit 1; }

$(VENV)/.base: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo 'Installing viseon …'
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@echo 'Installing what tests, training and benchmarks need …'
	@$(PIP) install -c constraints.txt -e '.[dev,train,postgres,s3,otel,openvino,triton,grpc]'
	@touch $@

$(VENV)/dvc/bin/dvc: # of its own: what it needs contradicts what we need
	@echo 'Installing DVC, which exports are tested with …'
	@$(PYTHON) -m venv $(VENV)/dvc
	@$(VENV)/dvc/bin/python -m pip --disable-pip-version-check -q install dvc==3.67.1

demo: $(VENV)/.base ## The main job on a synthetic shop front: http://127.0.0.1:8000
	@$(BIN)/viseon demo $(ARGS)

serve: $(VENV)/.base ## The server on http://127.0.0.1:8000
	@$(BIN)/viseon serve $(ARGS)

check: $(VENV)/.dev ## Lint, format, types, layers, architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest tests/architecture

test: check $(VENV)/dvc/bin/dvc ## Everything that must hold: checks and all tests
	@$(BIN)/python -m pytest tests --ignore tests/architecture -n auto --dist loadfile

e2e: $(VENV)/.dev ## Only the tests that run whole programs
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

bench: $(VENV)/.dev ## Benchmarks: each prints a ratio to a peer measured in the same run
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

format: $(VENV)/.dev ## Put the code into its one shape
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

docs: $(VENV)/.dev ## Generate the reference pages from the code
	@$(BIN)/python docs/generate.py

clean: ## Remove what was built or installed here
	@rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
