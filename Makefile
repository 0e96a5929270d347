# Every target sets itself up: a bare clone, Python 3.11-3.13 and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo bench chaos sim eval soak switch test check proto clean load grpc-js perf-analyzer smg

help:  ## Show the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo takes QUANTIZATION=int3 PRIMARY=candidate PAIRS=N SEED=N FULL=1 STRICT=1 OUT=out/demo"
	@echo "  make bench takes QUICK=1 ROUNDS=N STRICT=1"
	@echo "  make switch takes QUICK=1 STRICT=1"
	@echo "  make chaos takes QUICK=1 ROUNDS=N STRICT=1 ONLY=FAULT,... CLIENT=grpc"
	@echo "  make sim takes QUICK=1 STRICT=1 ONLY=T2,T5,peers"
	@echo "  make eval takes STRICT=1 ONLY=refusal,tone"
	@echo "  make test takes JOBS=N processes"
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

MINUTES ?= 10
soak: $(STAMP)  ## Paced streams with everything mirrored, for MINUTES=10
	$(BIN)/python -m bench.soak --minutes $(MINUTES) $(if $(STRICT),--strict)

switch: $(STAMP)  ## What callers see of switches, restarts of workers and an upgrade under load
	@$(MAKE) --no-print-directory grpc-js || echo "make: no gRPC for Node: its part is left out"
	$(BIN)/python -m bench.switch $(if $(QUICK),--quick) $(if $(STRICT),--strict)

# gRPC for Node, a client of another implementation: tests/conformance skips its calls without it.
GRPC_JS := $(VENV)/node/node_modules/@grpc/grpc-js
$(GRPC_JS): $(STAMP)
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(VENV)/node @grpc/grpc-js@1.14.7
	touch $@

grpc-js: $(GRPC_JS)  ## A client of another implementation for the tests (needs node and npm)

# Triton's load generator and the gateway of TrtllmService, real programs that tests/conformance runs where they are
# installed. Both are x86-64 Linux; the first needs Debian's libb64 and the CUDA runtime, found by LD_LIBRARY_PATH.
PERF := $(VENV)/perf
$(PERF)/.installed: | $(STAMP)
	rm -rf $(PERF)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(PERF) \
		tritonclient==2.50.0 nvidia-cuda-runtime-cu12==12.9.79
	$(BIN)/python -m bench.tools $(PERF)/debian libb64-0d
	touch $@

perf-analyzer: $(PERF)/.installed  ## Triton's perf_analyzer for the tests (needs apt-get, no root)

SMG := $(VENV)/smg
$(SMG)/.installed: | $(STAMP)
	rm -rf $(SMG)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(SMG) \
		smg==1.13.0 setproctitle==1.3.8
	touch $@

smg: $(SMG)/.installed  ## The smg gateway for the tests

ONLY ?=
CLIENT ?=
chaos: $(STAMP)  ## What callers notice when the shadow, the observer or the machine fails
	$(BIN)/python -m chaos $(if $(QUICK),--quick) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(STRICT),--strict) \
		$(if $(ONLY),--only $(ONLY)) $(if $(CLIENT),--client $(CLIENT))

# River's detectors are peers of the simulations; without them the others run.
RIVER := $(VENV)/.river
$(RIVER): | $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[sim]' && touch $@ \
		|| echo "make: River could not be had: its detectors are left out"

sim: $(STAMP) $(RIVER)  ## The drift engine's targets on votes whose truth is known, beside other rules
	$(BIN)/python -m sim $(if $(QUICK),--quick) $(if $(STRICT),--strict) $(if $(ONLY),--only $(ONLY))

eval: $(STAMP)  ## The analyzers on labelled outputs of real models (UNDERSTUDY_DATA names their folder)
	$(BIN)/python -m eval $(if $(STRICT),--strict) $(if $(ONLY),--only $(ONLY))

load: $(STAMP)  ## The load generator and its engine, which tests of the benchmarks use (needs a C compiler)
	$(BIN)/python -m bench.tools

# The demos are held to their time limits, so nothing runs beside them; the rest waits for processes and clocks, mostly.
# Reordered, the files of few tests would come last, and some of those take minutes.
JOBS ?= 2
test: $(STAMP)  ## The whole test suite
	@$(MAKE) --no-print-directory --keep-going load grpc-js perf-analyzer smg \
		|| echo "make: some programs could not be had: the tests that run them are skipped"
	$(BIN)/python -m pytest tests/demo
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --ignore tests/demo

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
