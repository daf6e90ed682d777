# Two commands do everything on a machine with Python 3.11 to 3.13 and git: `make run` and `make test`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8000
DATA ?= var/demo
PYTHONS ?= python3.13 python3.12 python3.11 python3 python

# A slow mirror should slow the installation down, not break it.
export PIP_DEFAULT_TIMEOUT ?= 120
export PIP_RETRIES ?= 8
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1
export PIP_NO_INPUT ?= 1
export PIP_ROOT_USER_ACTION ?= ignore

.PHONY: help run test lint unit packages package bench format generated hooks clean

help: ## says what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

run: $(VENV)/.installed ## starts Statewright with demo data in var/demo; PORT=9000 for another port
	@$(BIN)/statewright demo --live --host $(HOST) --port $(PORT) --data $(DATA)

test: packages $(VENV)/.dev ## runs everything: format, lint, types, layers, tests
	@$(MAKE) --no-print-directory lint unit

lint: $(VENV)/.dev ## checks format, lint, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.dev ## runs the tests alone, skipping what this machine cannot run
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

packages:
	@.ci/packages

package: $(VENV)/.dev ## builds the wheel, installs it in a fresh environment and checks the definitions it carries
	@.ci/package $(BIN)/python

bench: $(VENV)/.dev ## measures speed against floors taken in the same run
	$(BIN)/python -m benchmarks

format: $(VENV)/.dev ## formats the code and mends what ruff can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

generated: $(VENV)/.dev ## writes again what is made from code: schemas and the reference of problems
	$(BIN)/python -m tests.house.generated

hooks: $(VENV)/.dev ## runs the checks before every commit from now on
	$(BIN)/pre-commit install

clean: ## removes the environment, the demo's data and what was built
	rm -rf $(VENV) var build dist

$(VENV)/.made:
	@.ci/venv $(VENV) $(PYTHONS)

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	@echo "Installing Statewright into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml
	@echo "Installing Statewright and its development tools into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $(VENV)/.installed $@
