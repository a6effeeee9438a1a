# The two commands of the README, and what else there is. The first one called also builds .venv.
#   make help                this list
#   make tables              every table, from a cold checkout
#   make tables RUN=real     another run of config.yaml; CORES=4 limits the cores
#   make test                what a change must pass, in parallel; TESTS=tests/model for some of it
#   make test-slow           the slow proofs; make test-all: both
#   make faults              kills and full disks at random moments; KILLS=100 FAULTS_SEED=1
#   make slurm               jobs under a real Slurm of one node, some ended on the way; skipped without
#   make lint                ruff, mypy, snakefmt, Snakemake's own
#   make pictures            the pictures of docs/, by the commands that they show
#   make follow              the last lines of the jobs that run now; LOGS=logs/paper for one run's
#   make report              tables, pictures and training curves: results/<run>/report.html
#   make reproduction        each claim of the papers with a verdict: results/<run>/reproduction.html
#   make crate               the finished run for reviewers, crates/<run>; STORES=50: maps up to 50 MB
#   make archive             the same as one file, for a journal
#   make recheck             what a reviewer does with that file: scores and tables once more
#   make lock                envs/requirements.lock, from pyproject.toml and the constraints
PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
RUN ?=
TESTS ?=
LOGS ?= logs
KILLS ?= 100
FAULTS_SEED ?= 1
STORES ?=

BIN := .venv/bin
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES) $(if $(RUN),--config run=$(RUN))

# The rules' shell commands say `python` and must meet the one of .venv.
export PATH := $(CURDIR)/$(BIN):$(PATH)

PACK := $(BIN)/python -m pipeline.reporting.crate.pack $(if $(RUN),--config run=$(RUN)) \
	$(if $(STORES),--stores $(STORES))

.PHONY: help tables test test-slow test-all faults slurm lint pictures follow report reproduction \
	crate archive recheck lock
.DEFAULT_GOAL := tables

help:
	@sed -n 's/^#   //p' Makefile

# Never a part of the DAG: the stamp is younger than the files that the environment is made from.
.venv/.installed: pyproject.toml envs/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c envs/constraints.txt -e '.[dev]'
	touch $@

tables: .venv/.installed
	$(SNAKEMAKE) -- results/tables

# A file's tests stay together (loadfile): what they share is made once.
test: .venv/.installed
	$(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder -m "not slow and not slurm" $(TESTS)

test-slow: .venv/.installed
	$(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder -m "slow and not slurm" $(TESTS)

test-all: .venv/.installed
	$(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder -m "not slurm" $(TESTS)

faults: .venv/.installed
	FAULTS_KILLS=$(KILLS) FAULTS_SEED=$(FAULTS_SEED) $(BIN)/python -m pytest -q -s tests/faults/test_campaign.py

slurm: .venv/.installed
	$(BIN)/python -m pip install --quiet -c envs/constraints.txt -e '.[slurm]'
	$(BIN)/python -m pytest -q -rsP tests/cluster

lint: .venv/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	MYPYPATH=bench $(BIN)/mypy --config-file= --ignore-missing-imports bench
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

pictures: .venv/.installed
	$(BIN)/python bench/pictures.py

follow: .venv/.installed
	@$(BIN)/python -m pipeline.runtime.follow $(LOGS)

report: .venv/.installed
	$(SNAKEMAKE) -- all report
	$(SNAKEMAKE) --report results/report.html

reproduction: .venv/.installed
	$(SNAKEMAKE) -- reproduction

crate: .venv/.installed
	$(PACK)

archive: .venv/.installed
	$(PACK) --archive

recheck: .venv/.installed
	for file in $(or $(wildcard crates/gfsalnet-$(or $(RUN),*)-*.zip),crates); do \
		$(BIN)/python -m pipeline.reporting.crate.recheck $$file || exit 1; done

# In an environment of its own, since the tests and the workflow need no uv. The lines above the
# packages stay as they are. hatchling builds the wheel.
lock:
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet uv==0.13.9
	sed '/^#/!d' envs/requirements.lock >build/requirements.lock
	echo hatchling | build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--default-index https://pypi.org/simple --generate-hashes --no-annotate --no-header \
		--no-emit-package torch --no-emit-package torchvision --constraints envs/constraints.txt \
		--extra crate --extra slurm pyproject.toml - >>build/requirements.lock
	mv build/requirements.lock envs/requirements.lock
