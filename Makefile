# Everything runs in .venv, made on first use from any Python >= 3.11.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
OLDEST := .venv-oldest/bin
INSTALL := -m pip install --quiet --disable-pip-version-check

# One thread each: the tests and the joblib workers share few cores.
SINGLE_THREADED := test test-slow test-oldest docs benchmarks
$(SINGLE_THREADED): export OMP_NUM_THREADS = 1
$(SINGLE_THREADED): export OPENBLAS_NUM_THREADS = 1
$(SINGLE_THREADED): export MKL_NUM_THREADS = 1

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: demo
demo: .venv/.demo ## How much can be learned about late flights, and by which model: about 2 minutes
	$(BIN)/python benchmarks/flights.py

.PHONY: demo-full
demo-full: .venv/.demo ## The same on all 336,776 flights
	$(BIN)/python benchmarks/flights.py --full

.PHONY: test
test: lint ## Lint, types, import contracts, docstrings, unit tests and doctests
	$(BIN)/python -m pytest

.PHONY: test-slow
test-slow: .venv/.test ## The tests the quick suite leaves out
	$(BIN)/python -m pytest -m slow

.PHONY: test-oldest
test-oldest: .venv-oldest/.test ## The unit tests with the oldest supported dependencies
	$(OLDEST)/python -m pytest tests

.PHONY: lint
lint: .venv/.test ## ruff, mypy and the import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: docs
docs: .venv/.docs ## The documentation, warnings as errors, into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

.PHONY: benchmarks
benchmarks: .venv/.benchmarks ## Train the small models, then every benchmark; results in benchmarks/results
	for script in benchmarks/train_*.py benchmarks/[!_t]*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

.PHONY: clean
clean: ## Remove what was built; the environments stay
	rm -rf docs/_build docs/auto_examples docs/api/generated docs/sg_execution_times.rst
	rm -rf build dist output .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

# Some systems ship Python without ensurepip; the system's pip can then equip the environment.
.venv/.created:
	@test -n "$(PYTHON)" || { echo "Expected Python >= 3.11 on the path, got none."; exit 1; }
	$(PYTHON) -m venv .venv || { $(PYTHON) -m venv --clear --without-pip .venv \
		&& $(PYTHON) -m pip --python $(BIN)/python install pip; }
	touch $@

.venv/.demo: .venv/.created pyproject.toml constraints.txt
	$(BIN)/python $(INSTALL) -c constraints.txt -e '.[cpu,plot,flights]'
	touch $@

# torch goes first and alone, so that no other requirement decides which build of it is taken.
.venv/.torch: .venv/.created constraints.txt
	$(BIN)/python $(INSTALL) -c constraints.txt torch
	touch $@

.venv/.test: .venv/.torch pyproject.toml
	$(BIN)/python $(INSTALL) -c constraints.txt -e '.[cpu,llm,plot,flights,dask,test]'
	touch $@

.venv/.docs: .venv/.torch pyproject.toml
	$(BIN)/python $(INSTALL) -c constraints.txt -e '.[docs]'
	touch $@

.venv/.benchmarks: .venv/.torch pyproject.toml
	$(BIN)/python $(INSTALL) -c constraints.txt -e '.[cpu,llm,plot,flights,benchmark]'
	touch $@

.venv-oldest/.test: pyproject.toml constraints-oldest.txt
	$(PYTHON) -m venv .venv-oldest
	$(OLDEST)/python $(INSTALL) -c constraints-oldest.txt -e '.[cpu,plot]' \
		hypothesis numpydoc polars pyarrow pytest pytest-timeout
	touch $@
