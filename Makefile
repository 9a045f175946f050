# What a newcomer types. `make demo` needs Python >= 3.11, a C compiler and a Rust toolchain, and builds the rest.
#
#   make demo    real nodes under load: kills, a restart without data, a reshard, and what became of it
#   make test    lint, types and every test (CI runs this)
#   make dev     a local cluster until Ctrl-C
#   make bench   side by side with this machine's redis-server
#   make planted  plant faults one by one, and see that a test or a simulator catches each
#   make sim SEEDS=200 | make soak SECONDS=600 | make fuzz SECONDS=60
#   make miri | make coverage | make rust-version | make deny
#
# Two stamps keep this quick: .venv/.built (the package with its extension; redone when a Rust source or the
# packaging changed) and .venv/.dev (the tools of the tests).

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
SEEDS ?= 50
SECONDS ?= 60
PYTEST_ARGS ?=
PLANTED_ARGS ?=
# Tests wait more than they compute: two workers are worth it on two cores.
WORKERS ?= 2
CARGO := . .ci/toolchain && cargo
ENGINE := node/engine/Cargo.toml

# Sources whose change asks for a new build. Python sources do not: the install is editable.
BUILD_SOURCES := pyproject.toml MANIFEST.in garrison/__init__.py \
	$(shell find node/engine -name target -prune -o \( -name '*.rs' -o -name 'Cargo.*' \) -type f -print)

.PHONY: help demo dev build test lint rust-checks rust-lint rust-test py-lint py-test bench sim planted soak fuzz \
	miri coverage rust-version deny clean

help:
	@sed -n 's/^#   //p' Makefile

$(PY):
	@.ci/venv $(VENV)

$(VENV)/.built: $(PY) $(BUILD_SOURCES)
	@echo "building (the engine is compiled once, about two minutes on two cores)"
	@. .ci/toolchain && $(PY) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.built .ci/dev_requirements.py
	@$(PY) .ci/dev_requirements.py | xargs -d '\n' $(PY) -m pip install --quiet --disable-pip-version-check
	@touch $@

build: $(VENV)/.built

demo: build
	@$(PY) -m garrison.cluster.demo

dev: build
	@$(PY) -m garrison dev

# Python's and Rust's checks run beside each other; the tests of real processes have the machine to themselves.
test: $(VENV)/.dev
	@.ci/services
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=recurse py-lint rust-checks
	@$(MAKE) --no-print-directory py-test

rust-checks:
	@MAKEFLAGS= $(MAKE) --no-print-directory rust-lint rust-test

lint: $(VENV)/.dev
	@$(MAKE) --no-print-directory py-lint rust-lint

py-lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p garrison
	$(BIN)/mypy tests

rust-lint:
	@.ci/cargo-component rustfmt fmt --manifest-path $(ENGINE) --all --check
	@.ci/cargo-component clippy clippy --manifest-path $(ENGINE) --workspace --all-targets --quiet -- -D warnings

rust-test:
	@$(CARGO) test --manifest-path $(ENGINE) --workspace --quiet

py-test: $(VENV)/.dev
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

bench: $(VENV)/.dev
	@$(PY) bench/run.py

sim: $(VENV)/.dev
	$(BIN)/pytest tests/sim --sim-seeds=$(SEEDS) $(PYTEST_ARGS)

planted: $(VENV)/.dev
	@$(PY) -m tests.sim.planted $(PLANTED_ARGS)

soak: $(VENV)/.dev
	$(BIN)/pytest tests/integration -m soak --soak-seconds=$(SECONDS) --timeout=0 $(PYTEST_ARGS)

fuzz: $(VENV)/.dev
	@.ci/fuzz $(SECONDS)

# The modules with `unsafe`, under Miri.
miri:
	@.ci/miri

# Which lines of Python the tests run; PYTEST_ARGS chooses the tests. Nodes of their own process are counted too.
coverage: $(VENV)/.dev
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(PYTEST_ARGS); code=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report --sort=cover; exit $$code

# The oldest Rust that node/engine/Cargo.toml promises.
rust-version:
	@.ci/rust-version

# Licences, advisories and sources of the crates, by deny.toml.
deny:
	@.ci/deny

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .demo .coverage .coverage.* htmlcov
	rm -rf node/engine/target node/_engine*.so
