# Siyu's commands. `make help` lists them; CONTRIBUTING.md says when to use which.
#
# Everything works with `python3 -m venv` and pip; uv is used where it is installed. Only relative
# paths are used here, so a checkout may lie below a folder with spaces in its name.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
unexport PYTHONPATH

.NOTPARALLEL:
.PHONY: help run test check format openapi migration bench bench-scale bench-short faults faults-full faults-planted soak simulate-seeds fuzz lock setup setup-dev clean moved

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

run: $(VENV)/runtime.stamp ## start everything on this machine (the same as `siyu up`)
	@exec $(BIN)/siyu up

test: $(VENV)/dev.stamp ## all tests, also those of the architecture
	@$(BIN)/python -m pytest --no-header -n $(JOBS) --dist loadfile --no-loadscope-reorder

check: $(VENV)/dev.stamp ## everything that can be judged without running the tests
	@$(BIN)/python -m tests.architecture.check

format: $(VENV)/dev.stamp ## put the code in its one form and mend what ruff can mend
	@$(BIN)/python -m ruff check --quiet --fix-only .
	@$(BIN)/python -m ruff format --quiet .

openapi: $(VENV)/dev.stamp ## write openapi/*.json anew from the code
	@$(BIN)/python -m services.embedded.openapi

migration: $(VENV)/dev.stamp ## a new Alembic revision: make migration SERVICE=quota MESSAGE="add x"
	@test -n "$(SERVICE)" -a -n "$(MESSAGE)" || { echo 'usage: make migration SERVICE=quota MESSAGE="what changes"' >&2; exit 2; }
	@$(BIN)/siyu migration "$(SERVICE)" "$(MESSAGE)"

bench: $(VENV)/dev.stamp $(VENV)/peers.stamp ## measure every goal beside its peers (BENCH="--only P4" for a part)
	@$(BIN)/python -m tests.load.bench $(BENCH)

bench-scale: $(VENV)/dev.stamp ## more workers, more conversations, a backlog, a long history (two hours; BENCH="--only backlog" for a part)
	@$(BIN)/python -m tests.load.scale $(BENCH)

bench-short: $(VENV)/dev.stamp ## shows in a minute that every part of `make bench` works; no figures
	@$(BIN)/python -m tests.load.bench --short

faults: $(VENV)/dev.stamp ## the fault lab, five minutes (ONLY="F4 F12" for single faults, SEED=n to replay)
	@$(BIN)/python -m tests.faults $(foreach fault,$(ONLY),--only $(fault)) $(if $(SEED),--seed $(SEED))

faults-full: $(VENV)/dev.stamp ## every fault, then 100,000 events among 500 kills (half an hour or more)
	@$(BIN)/python -m tests.faults --shape full $(if $(SEED),--seed $(SEED))

soak: $(VENV)/dev.stamp ## eight hours with a fault every few minutes
	@$(BIN)/python -m tests.faults --shape soak $(if $(SEED),--seed $(SEED))

faults-planted: $(VENV)/dev.stamp ## plant ten mistakes into the processes; the lab must catch each (20 minutes)
	@FAULTS_PLANTED=1 $(BIN)/python -m pytest --no-header tests/faults/test_planted_bugs.py

simulate-seeds: $(VENV)/dev.stamp ## 10,000 random histories of the pure core (SEEDS=n, SEED=n to replay one)
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),10000) $(if $(SEED),--seed $(SEED))

fuzz: $(VENV)/dev.stamp ## 20,000 requests made from the contract, good and bad (FUZZ_CASES=n for more)
	@FUZZ_CASES=$(or $(FUZZ_CASES),20000) $(BIN)/python -m pytest --no-header tests/e2e/test_fuzz.py

setup: $(VENV)/runtime.stamp ## what `make run` needs, nothing started
	@:

setup-dev: $(VENV)/dev.stamp ## what `make test` and `make check` need
	@:

clean: ## remove the environment and the caches; data in var/ stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------------------------- locks
# Names, versions and hashes only: no lock may say where packages come from.

COMPILE := uv pip compile --quiet --universal --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links

lock: ## resolve the locks anew (needs uv): make lock UPGRADE=--upgrade to raise versions
	@command -v uv >/dev/null || { echo 'make lock needs uv on PATH' >&2; exit 2; }
	@$(COMPILE) $(UPGRADE) pyproject.toml --group build -o requirements.lock
	@$(COMPILE) $(UPGRADE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	@$(COMPILE) $(UPGRADE) --group peers -o requirements-bench.lock

# ------------------------------------------------------------------------------------ set-up
# A stamp is written when a lock is installed; while it is newer than the lock, nothing is done
# and the network is not touched. The dev lock contains the runtime lock with the same versions.

# An environment knows its own path: one that was moved, copied or broken is made anew.

ifneq ($(shell test -x $(BIN)/python && cat $(VENV)/checkout 2>/dev/null),$(shell pwd -P))
MOVED := moved
endif

$(BIN)/python: $(MOVED)
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Siyu needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.11' >&2; exit 2; }
	@echo 'setup: making $(VENV)'
	@rm -rf $(VENV)
	@"$(PYTHON)" -m venv $(VENV) \
		|| { echo 'The venv module is missing: install your system'\''s python3-venv package' >&2; exit 2; }
	@pwd -P > $(VENV)/checkout

$(VENV)/runtime.stamp: requirements.lock pyproject.toml $(MOVED) | $(BIN)/python
	$(call install,requirements.lock)
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock requirements.lock pyproject.toml $(MOVED) | $(BIN)/python
	$(call install,requirements-dev.lock)
	@touch $(VENV)/runtime.stamp $@

# The peers of `make bench` want other versions of what we use too: they live apart from us.
$(VENV)/peers.stamp: requirements-bench.lock $(MOVED) | $(BIN)/python
	@echo 'setup: installing requirements-bench.lock'
	@rm -rf $(VENV)/peers
	@"$(PYTHON)" -m venv $(VENV)/peers
	@$(VENV)/peers/bin/python -m pip -qq --disable-pip-version-check install --require-hashes -r requirements-bench.lock
	@touch $@

PIP := $(BIN)/python -m pip -qq --disable-pip-version-check

define install
	@echo 'setup: installing $(1)'
	@if command -v uv >/dev/null 2>&1 \
		&& uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) 2>/dev/null; \
	then :; \
	else $(PIP) install --require-hashes -r $(1); fi
	@$(PIP) install --no-deps --no-build-isolation -e .
endef
