.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,$(shell $p -c 'import sys; sys.version_info >= (3, 11) and print("$p")' 2>/dev/null)))
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Compiled once at the install, so that a stage of seconds does not spend them on parsing its libraries.
export PYTHONDONTWRITEBYTECODE :=
# Mutants per module; 0 takes all.
SAMPLE ?= 40

.PHONY: help repro test test-all quick speed mutants lint ui browser database picture docs lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 10

repro: .venv/.stamp ## rebuild every table end to end (dvc repro)
	dvc repro
	@fundusbench summary

test: .venv/.stamp ## run the test suite, but for the tests marked nightly
	python -m pytest

test-all: .venv/.stamp ## run every test, those marked nightly too (CI: weekly)
	python -m pytest -m ""

quick: .venv/.stamp ## run the tests that take a moment each, before a commit
	python -m pytest -m "not slow and not speed and not nightly"

speed: .venv/.stamp ## measure speed as ratios to bare limits, on a quiet machine
	python -m pytest tests/speed -n 0 -m speed --benchmark-enable -s

mutants: .venv/.stamp ## do the tests bite? give them mutants of the core, SAMPLE of each module (takes long; not part of CI)
	OMP_NUM_THREADS=1 python -m tests.mutants --sample $(SAMPLE)

lint: .venv/.stamp ## check style and types (ruff, mypy)
	ruff check .
	ruff format --check .
	mypy

ui: .venv/.stamp ## open the runs in the MLflow UI on loopback, port 5000
	fundusbench ui

browser: ## install Debian's Chromium, in which the page is tested (as root, or with sudo)
	$(if $(filter-out 0,$(shell id -u)),sudo )apt-get update --quiet --quiet
	$(if $(filter-out 0,$(shell id -u)),sudo )apt-get install --yes --quiet --quiet --no-install-recommends chromium

database: ## install Debian's PostgreSQL, on which sweeps are tried (as root, or with sudo)
	$(if $(filter-out 0,$(shell id -u)),sudo )apt-get update --quiet --quiet
	$(if $(filter-out 0,$(shell id -u)),sudo )apt-get install --yes --quiet --quiet --no-install-recommends postgresql

picture: ## take the README's picture of reports/index.html (with Chromium: make browser)
	chromium --headless --no-sandbox --hide-scrollbars --window-size=1400,1000 --screenshot=$(CURDIR)/docs/images/page.png file://$(CURDIR)/reports/index.html

docs: .venv/.stamp ## build the manual as a static site, docs/_build/index.html
	sphinx-build --quiet --fail-on-warning --keep-going -b html docs docs/_build

lock: .venv/.stamp ## pin the newest versions that pyproject.toml allows
	uv pip compile pyproject.toml --all-extras --group dev --group docs --universal --generate-hashes --no-header --upgrade -o requirements.lock

clean: ## remove the environment and everything that the pipeline made, its cache included
	rm -rf .venv .uv docs/_build data runs records scratch sweep sweep.db evaluation transfer statistics architecture saliency reports/tables reports/figures reports/photographs reports/sweep reports/index.html reports/provenance.json mlflow.db mlartifacts mlruns .dvc/cache .dvc/tmp .benchmarks mutants

.venv/.stamp: requirements.lock pyproject.toml | $(if $(filter .uv/bin/uv,$(UV)),.uv/bin/uv)
	@test -n "$(PYTHON)" || { echo "fundusbench needs Python >= 3.11, and none is on the PATH: install it or call make PYTHON=/path/to/python3"; exit 2; }
	$(UV) venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" .venv
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.uv/bin/uv: requirements.lock
	@test -n "$(PYTHON)" || { echo "fundusbench needs Python >= 3.11, and none is on the PATH: install it or call make PYTHON=/path/to/python3"; exit 2; }
	$(PYTHON) -m venv .uv
	sed -n '/^uv==/,/^[a-z]/p' requirements.lock | sed '$$d' > .uv/requirements.txt
	.uv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .uv/requirements.txt
	@touch $@
