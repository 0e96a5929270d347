# Every target sets itself up: a bare clone, Python 3.11-3.13 and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo bench test check proto clean

help:  ## Show the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo takes QUANTIZATION=int3 PRIMARY=candidate PAIRS=N SEED=N FULL=1 STRICT=1 OUT=out/demo"
	@echo "  make bench takes QUICK=1 ROUNDS=N STRICT=1"
	@echo "  PYTHON=python3.12 picks the interpreter of a new .venv"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

setup: $(STAMP)  ## Install everything into .venv

QUANTIZATION ?= int3
PRIMARY ?= candidate
OUT ?= out/demo
PAIRS ?=
SEED ?=
FULL ?=
STRICT ?=
DEMO = --quantization $(QUANTIZATION) --primary $(PRIMARY) --out $(OUT) $(if $(PAIRS),--pairs $(PAIRS)) \
	$(if $(SEED),--seed $(SEED)) $(if $(FULL),--full) $(if $(STRICT),--strict)
BEGAN := $(shell date +%s)
demo: $(STAMP)  ## Two real engines, one proxy, a caught regression, a rollback
	@ready=$$(date +%s); $(BIN)/understudy demo $(DEMO); code=$$?; ended=$$(date +%s); \
	echo "set-up $$((ready - $(BEGAN))) s, demo $$((ended - ready)) s"; exit $$code

QUICK ?=
ROUNDS ?=
bench: $(STAMP)  ## The data path beside nginx, HAProxy, nghttpx, Envoy and a grpc.aio tee
	$(BIN)/python -m bench $(if $(QUICK),--quick) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(STRICT),--strict)

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
