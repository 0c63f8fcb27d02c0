# From a bare machine (Python 3.11 or newer, make) to the results or through the tests.
# PYTHON chooses the interpreter, ARGS goes on to snakemake or pytest:
#   make all ARGS="--configfile config/smoke.yaml"

PYTHON ?= python3
ENV := .venv
SNAKEMAKE := $(ENV)/bin/snakemake

.PHONY: all test lint clean

all: $(ENV)/installed
	$(SNAKEMAKE) --cores all $(ARGS)

test: $(ENV)/installed
	$(ENV)/bin/python -m pytest $(ARGS)

lint: $(ENV)/installed
	$(ENV)/bin/ruff check .
	$(ENV)/bin/ruff format --check .
	$(ENV)/bin/mypy
	$(ENV)/bin/snakefmt --check Snakefile rules
	$(ENV)/bin/python -m pytest tests/test_lint.py -q

clean:
	rm -rf results/smoke results/default results/paper logs cache .snakemake

# made anew when a pin changes; the editable install makes code changes count at once
$(ENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "SGN needs Python 3.11 or newer; this is %d.%d. Set PYTHON=python3.11" % v[:2])'
	$(PYTHON) -m venv $(ENV)
	$(ENV)/bin/python -m pip install --quiet --upgrade "pip>=24"
	$(ENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@
