# Needs Python >= 3.11 (with venv), git and make; `make test` also runs the tier on a real API server where Go exists.
# `make help` lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

# the first of these that runs and is new enough; `make dev PYTHON=...` picks another
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11
IS_SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(shell for p in $(CANDIDATES); do $$p -c '$(IS_SUITABLE)' >/dev/null 2>&1 && { echo $$p; break; }; done)

INSTALL := $(BIN)/python -m pip install --quiet
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-strip-extras --custom-compile-command "make lock"
LOCKING := $(COMPILE) --extra operator --extra eventgrid pyproject.toml
LOCKING_SDK := $(COMPILE) tools/sdkconformance/requirements.in

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS='	' read -r name text; do \
		printf '  %-16s %s\n' "$$name" "$$text"; done

# ------------------------------------------------------------------ environments
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "vaultbind needs Python 3.11 to 3.14, and found none of: $(CANDIDATES)" >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make a virtual environment (Debian and Ubuntu: install python3-venv)" >&2; exit 1; }

# what the program needs
$(VENV)/runtime.stamp: requirements.lock pyproject.toml | $(BIN)/python
	@test -e $(VENV)/dev.stamp || { echo "installing from requirements.lock"; \
		$(INSTALL) --require-hashes -r requirements.lock; \
		$(INSTALL) --no-deps --no-build-isolation -e .; }
	@touch $@

# what people who work on it need: all of the above and the tools
$(VENV)/dev.stamp: requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "installing from requirements-dev.lock"
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/runtime.stamp

.PHONY: dev
dev: $(VENV)/dev.stamp ## make .venv with everything for working on vaultbind
	@echo "ready: $(BIN)/vaultbind, make demo, make test"

.PHONY: lock
lock: $(VENV)/dev.stamp ## bring both lock files in line with pyproject.toml (UPGRADE=1: newest versions)
	$(LOCKING) $(if $(UPGRADE),--upgrade) --group build -o requirements.lock
	$(LOCKING) $(if $(UPGRADE),--upgrade) --group dev -c requirements.lock -o requirements-dev.lock
	$(LOCKING_SDK) -o tools/sdkconformance/requirements.txt

# ------------------------------------------------------------------ see it, test it
.PHONY: demo
demo: $(VENV)/runtime.stamp ## see it work: cluster, vault and operator on this machine (DEMO="--keep" leaves them running)
	@$(BIN)/vaultbind demo $(DEMO)

.PHONY: test
test: $(VENV)/dev.stamp ## every test tier that this machine can run (TIERS="unit flow", ARGS="-k name")
	@$(BIN)/python -m tools.tiers $(TIERS) $(if $(ARGS),-- $(ARGS))

.PHONY: testbin
testbin: $(VENV)/dev.stamp ## build the real API server, helm and promrules for tests into the cache (Go; minutes the first time)
	@$(BIN)/python -m tools.testbin.build
	@$(BIN)/python -m tools.helm.build
	@$(BIN)/python -m tools.promrules.build

.PHONY: coverage
coverage: $(VENV)/dev.stamp ## branch coverage of the client library by its unit tests; too little fails (ARGS=--missing: what is not)
	@$(BIN)/python -m tools.covered $(ARGS)

.PHONY: coverage-all
coverage-all: $(VENV)/dev.stamp ## branch coverage of everything by the tiers unit and flow, without a limit
	@mkdir -p build
	@$(BIN)/python -m pytest -q -m "unit or flow" --cov --cov-report=term --cov-report=html:build/coverage

.PHONY: check
check: $(VENV)/dev.stamp ## lint, types, layers, dependencies, vulnerabilities, unit tests: what pre-commit runs (under 2 minutes)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/deptry operator
	@$(BIN)/zizmor --offline --quiet .github/workflows
	@$(BIN)/python -m tools.audit --when-reachable
	@$(BIN)/python -m pytest -q -m unit

.PHONY: fix
fix: $(VENV)/dev.stamp ## format, and repair what the linter can repair
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

.PHONY: audit
audit: $(VENV)/dev.stamp ## known vulnerabilities among the locked dependencies (asks a service on the network)
	@$(BIN)/python -m tools.audit

# ------------------------------------------------------------------ generated files, figures, releases
.PHONY: verify
verify: $(VENV)/dev.stamp ## regenerate whatever is generated; fails when something changed
	@$(BIN)/python -m tools.generate

.PHONY: image
image: $(VENV)/dev.stamp ## build the image with what is here: docker, podman or buildah (ARGS="--rootfs DIR": without a registry)
	@$(BIN)/python -m tools.image $(ARGS)

.PHONY: dist
dist: $(VENV)/dev.stamp ## wheel and source distribution into dist/, with an SBOM
	@rm -rf dist && $(BIN)/hatchling build -d dist
	@$(BIN)/cyclonedx-py requirements --output-reproducible --of JSON -o dist/vaultbind.cdx.json requirements.lock

.PHONY: bench
bench: $(VENV)/dev.stamp ## measure the operator on the real API server, or ARGS=library: table and JSON (ARGS=--budget: fails beyond bench/budget.py)
	@test -e bench/__main__.py || { echo "make bench: bench/ does not exist yet" >&2; exit 1; }
	@$(BIN)/python -m bench $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/dev.stamp ## strange input for every parser, then strange requests against the emulator (MINUTES=10 each, SEED=number)
	@$(BIN)/python -m tools.fuzz_parsers --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m tools.fuzz --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

.PHONY: sdk-conformance
sdk-conformance: $(VENV)/dev.stamp ## the Azure SDK's own tests against the emulator (ARGS="keys --premium --managed-hsm")
	@$(BIN)/python -m tools.sdkconformance $(ARGS)

.PHONY: e2e
e2e: $(VENV)/dev.stamp ## real pods: on kind where Docker runs, else on a kubelet of this machine (root, buildah, debootstrap, Go; 15 minutes once) (ARGS="-k name")
	@$(BIN)/python -m tools.podcluster
	@VAULTBIND_REQUIRE_TIERS=pods $(BIN)/python -m tools.tiers pods $(if $(ARGS),-- $(ARGS))

.PHONY: docs
docs: ## build the documentation site
	@echo "make docs: not there yet; the pages in docs/ read well as they are" >&2; exit 1

.PHONY: clean
clean: ## remove what was built, .venv included; the cache of test binaries stays
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
