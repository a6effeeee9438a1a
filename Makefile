# The two commands of the README. The first one called also builds .venv (about two minutes).
#   make tables              every table, from a cold checkout
#   make tables RUN=real     another run of config.yaml; CORES=4 limits the cores
#   make test | lint | report
PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
RUN ?=
TESTS ?=

BIN := .venv/bin
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES) $(if $(RUN),--config run=$(RUN))

# The rules' shell commands say `python` and must meet the one of .venv.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: tables test lint report
.DEFAULT_GOAL := tables

# Never a part of the DAG: the stamp is younger than the files that the environment is made from.
.venv/.installed: pyproject.toml envs/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c envs/constraints.txt -e '.[dev]'
	touch $@

tables: .venv/.installed
	$(SNAKEMAKE) -- results/tables

test: .venv/.installed
	$(BIN)/python -m pytest -q $(TESTS)

lint: .venv/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

report: .venv/.installed
	$(SNAKEMAKE) -- all report
	$(SNAKEMAKE) --report results/report.html
