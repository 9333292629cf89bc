# The loop: one line per job. CI calls these and nothing else. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run test check audit test-rust test-python sim fuzz planted mutants bench soak docs dist lock clean

BIN := .venv/bin
RUST := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock
COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet

help:  ## list the jobs
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 22

setup: .venv/.dev .venv/.extension  ## everything that developing needs, into .venv: pinned packages and the extension

run: .venv/.extension  ## a live exchange on this machine, with demo users and liquidity: ARGS="--port-base 9080 --data DIR"
	@exec $(BIN)/agio dev $(ARGS)

test: check test-rust test-python  ## all that CI runs

check: setup  ## formatters, linters, types, tidy tests, dependency audit
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	CLIPPY_CONF_DIR=$(CURDIR)/.ci/deterministic cargo clippy -p agio-book -p agio-engine --lib --locked --quiet -- -D warnings -D clippy::iter_over_hash_type
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/pytest -q tests/tidy
	@$(MAKE) --no-print-directory audit

audit: setup  ## known vulnerabilities in the locked dependencies
	@$(BIN)/python tests/tidy/audit.py

test-rust:  ## the crates' own tests
	cargo test --workspace --locked --quiet
	AGIO_TWIN_COMMANDS=2000000 cargo test --release -p agio-book --test twin --locked --quiet
	@$(MAKE) --no-print-directory planted

test-python: setup  ## every other test, two files at a time
	$(BIN)/pytest --ignore=tests/tidy --numprocesses 2 --dist loadfile

sim: setup  ## the simulator on seeds that nobody has run, about a minute: ARGS="--seeds 100 --fresh --places"
	@exec $(BIN)/agio sim $(or $(ARGS),--seeds 400 --fresh)

fuzz:  ## every decoder, the engine and the book under libFuzzer, on nightly Rust: SECONDS=60 ARGS="exchange market"
	@tests/simulation/fuzz.py --seconds $(or $(SECONDS),60) $(ARGS)

planted:  ## every planted bug is found by the simulator; prints bug, seed and check
	cargo test -p agio-sim --features planted --test planted --locked --quiet -- --nocapture

mutants:  ## a seeded sample of mutants of book, engine and journal: COUNT=150 SEED=1 ARGS="--log FILE" (half an hour)
	@tests/simulation/mutants.py --count $(or $(COUNT),150) --seed $(or $(SEED),1) $(ARGS)

bench: setup  ## every published figure, as a ratio, in one table
	$(BIN)/python -m benches

soak: setup  ## the long form of the proofs: hours, not minutes
	$(BIN)/pytest -m soak --timeout=0

docs: setup  ## regenerate what is generated: COMPATIBILITY.md and the API reference
	$(BIN)/python -m agio.gateway.docs

dist: setup  ## a wheel and a source archive in dist/
	@# In a target folder of its own: the archive's files are all of 2006, and what lies built elsewhere would pass for newer.
	env -u CARGO_TARGET_DIR $(BIN)/maturin build --release --locked --sdist --out dist

lock: .venv/.dev  ## resolve pyproject.toml anew into requirements/
	$(COMPILE) --upgrade pyproject.toml --group dev --group clients -o requirements/dev.txt
	$(COMPILE) --group build -c requirements/dev.txt -o requirements/build.txt
	$(COMPILE) pyproject.toml -c requirements/dev.txt -o requirements/runtime.txt

clean:  ## remove what was built (data folders stay)
	rm -rf .venv target dist .mypy_cache .ruff_cache .pytest_cache .hypothesis src/agio/_core*.so

.venv/bin/python:
	@python=$$(.ci/prerequisites) && $$python -m venv .venv

.venv/.runtime: requirements/runtime.txt requirements/build.txt | .venv/bin/python
	@echo "installing $< and requirements/build.txt into .venv"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.runtime
	@echo "installing $< into .venv"
	@$(BIN)/python -m pip install --quiet --require-hashes -r $<
	@touch $@

.venv/.extension: .venv/.runtime pyproject.toml $(RUST)
	@.ci/prerequisites >/dev/null
	@echo "compiling the extension (a minute or so, when Rust has changed)"
	@MATURIN_PEP517_ARGS=--locked PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --no-deps --no-build-isolation --editable . \
	  >.venv/extension.log 2>&1 || { cat .venv/extension.log; exit 1; }
	@touch $@
