# One command surface. PYTHON may name any interpreter of an environment with the test extra and the dev group.
PYTHON ?= .venv/bin/python
DATA ?= ../shared/data
RESULTS ?= ../shared/reference/cloudsim-results.csv

.PHONY: help setup check test test-all bench validate docs demo reports

help:
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /: /'

setup:    ## make .venv with everything needed to develop
	python3 -m venv .venv && .venv/bin/pip install -e '.[test]' --group dev

check:    ## lint, format, types, layers
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(dir $(PYTHON))lint-imports

test:     ## the fast tests
	$(PYTHON) -m pytest

test-all: ## the slow studies and sweeps as well
	$(PYTHON) -m pytest -m "slow or not slow"

bench:    ## policies side by side on frozen instances
	$(PYTHON) -m benchmarks

validate: ## figures of the mode cloudsim against measured RESULTS of the program, on the days in DATA
	$(PYTHON) -m benchmarks.cloudsim_validation $(RESULTS) --days $(DATA)/planetlab

docs:     ## regenerate the reference pages that come from the code
	$(PYTHON) docs/generate.py

demo:     ## generate a private cloud and consolidate it
	$(PYTHON) -m consolidate demo

reports:  ## regenerate reports/ from the real traces in DATA
	$(PYTHON) reports/regenerate.py --data $(DATA)
