# Everything runs from .venv, which is made by the first target that needs it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Many tests wait for processes that they started, so there may be more of them than cores.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(max(2, (os.cpu_count() or 1) * 3 // 2))')

.PHONY: demo test faults check lint types imports bench fmt clean

demo: $(INSTALLED)
	$(BIN)/dag demo $(ARGS)

test: $(INSTALLED)
	$(BIN)/pytest -n $(WORKERS) $(ARGS)

# The long form of the tests that kill: every point on both databases, and 200 deployments instead of 40.
faults: $(INSTALLED)
	DAG_FAULTS=200 $(BIN)/pytest tests/faults $(ARGS)

check: lint types imports
	$(MAKE) test ARGS="--cov --cov-report="
	$(BIN)/coverage report --skip-covered --fail-under=90
	$(BIN)/coverage report --fail-under=100 --include='dag_gateway/model/*,dag_gateway/charts/*,dag_gateway/clusters/*rules.py,dag_gateway/clusters/argocd*.py,dag_gateway/clusters/cache.py,dag_gateway/clusters/diagnose.py,dag_gateway/clusters/flux*.py,dag_gateway/clusters/gaps.py,dag_gateway/clusters/helm_release.py,dag_gateway/clusters/labels.py,dag_gateway/clusters/last_words.py,dag_gateway/clusters/quantities.py,dag_gateway/clusters/redact.py,dag_gateway/clusters/rendered.py,dag_gateway/clusters/revisions.py,dag_gateway/clusters/subset.py,dag_gateway/clusters/warnings.py,dag_gateway/clusters/workloads*.py'

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive dag_gateway

types: $(INSTALLED)
	$(BIN)/mypy

imports: $(INSTALLED)
	$(BIN)/lint-imports --no-cache

fmt: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(INSTALLED)
	for benchmark in bench/*.py; do PYTHONPATH=. $(BIN)/python $$benchmark || exit 1; done

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .coverage .coverage.*

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[server,test]'
	touch $@
