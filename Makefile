# Every target sets itself up: a bare clone, Python 3.11-3.13 and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo test check proto clean

help:  ## Show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

setup: $(STAMP)  ## Install everything into .venv

QUANTIZATION ?= int3
PRIMARY ?= candidate
PAIRS ?=
SEED ?=
STRICT ?=
demo: $(STAMP)  ## Two real engines, one proxy, a caught regression, a rollback
	$(BIN)/understudy demo --quantization $(QUANTIZATION) --primary $(PRIMARY) $(if $(PAIRS),--pairs $(PAIRS)) $(if $(SEED),--seed $(SEED)) $(if $(STRICT),--strict)

test: $(STAMP)  ## The whole test suite
	$(BIN)/python -m pytest

check: $(STAMP)  ## ruff, mypy strict, import-linter, proto drift
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python proto/generate.py --check

proto: $(STAMP)  ## Regenerate server/understudy/v1
	$(BIN)/python proto/generate.py

clean:  ## Remove what the targets made
	rm -rf $(VENV) out
