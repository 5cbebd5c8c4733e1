# Emscher: what there is to do. `make` alone lists it.
#
# Everything happens in .venv, which is made when it is missing and renewed when the lock or
# pyproject.toml changed. PYTHON=… picks another interpreter (3.11 or later).

SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
STAMP := .venv/.made
ARGS ?=

.PHONY: help env up test need check format bench bench-nab coverage docs lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: $(STAMP)  ## make .venv with everything pinned in requirements.lock, and Emscher in it

# A new room is a new package, which the installed Emscher has to learn of.
ROOMS := $(wildcard */__init__.py firmware-sim/*/__init__.py)

$(STAMP): requirements.lock pyproject.toml .ci/env $(ROOMS)
	@PYTHON="$(PYTHON)" .ci/env .venv
	@touch $@

up: $(STAMP)  ## run Emscher with a small simulated city; ARGS="--http 127.0.0.1:9000" adds options
	@.ci/foreground $(BIN)/emscher up --demo $(ARGS)

need:  ## install the programs that the tests talk to: mosquitto and Chromium
	@.ci/need

test: $(STAMP) need  ## run every test; ARGS="-k energy" picks some
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

check: $(STAMP)  ## formatting, lint and types, as CI wants them
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)  ## put the code into the form that `make check` wants
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## run the benchmarks, small; ARGS=--full-size runs them in full
	$(BIN)/python -m pytest tests/bench -o python_files='bench_*.py' $(ARGS)

bench-nab: $(STAMP)  ## score the novelty detector on the Numenta Anomaly Benchmark; FOLDER=… takes other files
	$(BIN)/python tests/bench/nab.py $(FOLDER)

coverage: $(STAMP) need  ## run every test and list the lines that none of them ran
	@$(BIN)/coverage erase
	NUMBA_DISABLE_JIT=1 $(BIN)/coverage run -m pytest $(ARGS)  # compiled lines can't be counted
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

docs: $(STAMP)  ## write docs/formats.md from what is understood
	$(BIN)/python -m ingest.listing > docs/formats.md

lock: $(STAMP)  ## choose the newest versions anew and write requirements.lock
	@$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra test --universal --python-version 3.11 --upgrade \
	    --no-emit-index-url --quiet --custom-compile-command "make lock" \
	    --output-file requirements.lock

clean:  ## remove what can be made again; stored readings stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks .coverage* htmlcov \
	    build dist *.egg-info
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
