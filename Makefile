.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,$(shell $p -c 'import sys; sys.version_info >= (3, 11) and print("$p")' 2>/dev/null)))
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Bytecode is compiled once at installation, so that short stages do not parse their libraries again.
export PYTHONDONTWRITEBYTECODE :=
# Number of mutants per module; 0 for all.
SAMPLE ?= 40

.PHONY: help repro test test-all quick speed mutants lint ui browser database picture docs lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 10

# The runs of all methods are trained in one queue before the stages of the methods, which then find them finished.
repro: .venv/.stamp ## rebuild every table end to end (dvc repro)
	dvc repro prepare
	fundusbench train
	dvc repro
	@fundusbench summary

test: .venv/.stamp ## run the test suite without the tests marked nightly
	python -m pytest

test-all: .venv/.stamp ## run all tests, including those marked nightly (CI: weekly)
	python -m pytest -m ""

quick: .venv/.stamp ## run the fast tests, before a commit
	python -m pytest -m "not slow and not speed and not nightly" --hypothesis-profile quick

speed: .venv/.stamp ## measure times relative to lower bounds (needs an idle machine)
	python -m pytest tests/speed -n 0 -m speed --benchmark-enable -s

mutants: .venv/.stamp ## mutation-test the core with SAMPLE mutants per module (slow, not part of CI)
	OMP_NUM_THREADS=1 python -m tests.mutants --sample $(SAMPLE)

lint: .venv/.stamp ## check style and types (ruff, mypy)
	ruff check .
	ruff format --check .
	mypy

ui: .venv/.stamp ## open the runs in the MLflow UI on loopback, port 5000
	fundusbench ui

browser: ## install Debian's Chromium for the tests of the page (as root, or with sudo)
	$(if $(filter-out 0,$(shell id -u)),sudo )apt-get update --quiet --quiet
	$(if $(filter-out 0,$(shell id -u)),sudo )apt-get install --yes --quiet --quiet --no-install-recommends chromium

database: ## install Debian's PostgreSQL for the tests of sweeps (as root, or with sudo)
	$(if $(filter-out 0,$(shell id -u)),sudo )apt-get update --quiet --quiet
	$(if $(filter-out 0,$(shell id -u)),sudo )apt-get install --yes --quiet --quiet --no-install-recommends postgresql

picture: ## take the README's screenshot of reports/index.html (needs Chromium: make browser)
	chromium --headless --no-sandbox --hide-scrollbars --window-size=1400,1000 --screenshot=$(CURDIR)/docs/images/page.png file://$(CURDIR)/reports/index.html

docs: .venv/.stamp ## build the manual as a static site, docs/_build/index.html
	sphinx-build --quiet --fail-on-warning --keep-going -b html docs docs/_build

lock: .venv/.stamp ## pin the newest versions that pyproject.toml allows
	uv pip compile pyproject.toml --all-extras --group dev --group docs --universal --generate-hashes --no-header --upgrade -o requirements.lock

clean: ## remove the environment and all outputs of the pipeline, including its cache
	rm -rf .venv .uv docs/_build data runs records scratch sweep sweep.db evaluation transfer statistics architecture saliency reports/tables reports/figures reports/photographs reports/sweep reports/index.html reports/provenance.json mlflow.db mlartifacts mlruns .dvc/cache .dvc/tmp .benchmarks mutants

.venv/.stamp: requirements.lock pyproject.toml | $(if $(filter .uv/bin/uv,$(UV)),.uv/bin/uv)
	@test -n "$(PYTHON)" || { echo "fundusbench needs Python >= 3.11, but none is on the PATH: install it, or run make PYTHON=/path/to/python3"; exit 2; }
	@# DVC needs a repository, which an unpacked archive lacks.
	@git rev-parse --git-dir > /dev/null 2>&1 || test -e .git || { git init --quiet && echo "this folder was no git repository, which DVC needs: 'git init' made it one; for 'dvc exp run', also run: git add . && git commit -m start"; }
	@echo "installing the packages of requirements.lock into .venv: up to 7.3 GB, some minutes, only once"
	$(UV) venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" .venv
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.uv/bin/uv: requirements.lock
	@test -n "$(PYTHON)" || { echo "fundusbench needs Python >= 3.11, but none is on the PATH: install it, or run make PYTHON=/path/to/python3"; exit 2; }
	$(PYTHON) -m venv .uv
	sed -n '/^uv==/,/^[a-z]/p' requirements.lock | sed '$$d' > .uv/requirements.txt
	.uv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .uv/requirements.txt
	@touch $@
