# All paths are relative, so that the folder may have any name, also one with spaces.
PYTHON  ?= python3
WORKERS ?= 2

SERVICES := $(shell cat deploy/services.txt)
PACKAGES := shared $(SERVICES:%=services/%) deploy/local
LOCKS    := deploy/requirements
BIN      := .venv/bin
TOOLS    := deploy/contract-tools
PIP      := $(BIN)/python -m pip --disable-pip-version-check
# Services whose tests are typed, and whose folder's name cannot be part of a module's: mypy starts in that folder.
TESTS_APART := clinical-notes patient-files
# `make run` is content with the lighter set, and takes the tools' set where `make install` has been.
READY    := $(if $(wildcard .venv/dev.stamp),.venv/dev.stamp,.venv/local.stamp)
# Written so that this line does not find itself.
REGISTRY_HOSTS := pyp[i]\.org|pythonhoste[d]\.org|de[b]\.debian\.org|securit[y]\.debian\.org|npmj[s]\.(org|com)|yarnpk[g]\.com

.PHONY: help run test test-containers check lint types layers services contracts outside pages docs deployment bench install lock clean
.DEFAULT_GOAL := help

help: ## Show this list
	@echo 'Jalsa. What make can do:'
	@sed -n 's/^\([a-z-]*\):.*## /  make \1@/p' Makefile | expand -t 2 | sed 's/@/                    /; s/^\(.\{24\}\) */\1/'
	@echo 'One service only: make test SERVICE=billing   More for pytest: make test ARGS="-k capacity -x"'

run: $(READY) ## Run all five services on this machine, with demo data (JALSA_PORT, JALSA_DATA)
	@$(BIN)/jalsa run

test: .venv/dev.stamp ## Run every test, on real PostgreSQL and RabbitMQ
	@$(BIN)/python -m pytest -n $(WORKERS) $(if $(SERVICE),services/$(SERVICE)/tests) $(ARGS)

test-containers: .venv/dev.stamp ## Build the images and prove the container stack (needs Docker)
	@$(BIN)/python -m pytest -p no:jalsa.dev.plugin tests-e2e/containers.py $(ARGS)

check: lint types layers services contracts pages deployment ## Run every check that needs no server (each part is a target, too)

lint: .venv/dev.stamp ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev.stamp ## Check types
	$(BIN)/mypy
	for service in $(TESTS_APART); do \
	  MYPYPATH=services/$$service $(BIN)/mypy services/$$service/tests || exit 1; \
	done

layers: .venv/dev.stamp ## Check that imports go one way
	$(BIN)/lint-imports

services: .venv/dev.stamp ## Check that every list of services agrees with deploy/services.txt
	$(BIN)/jalsa services --check

contracts: .venv/dev.stamp ## Check events against their contracts and the last release
	$(BIN)/jalsa contracts check
	$(BIN)/python deploy/rabbitmq/make_definitions.py --check

outside: .venv/dev.stamp $(TOOLS)/node_modules/.package-lock.json ## Read the contracts with the tools of others (needs Node.js 20 and npm)
	@node $(TOOLS)/check.mjs

pages: .venv/dev.stamp ## Check that the generated pages of docs/ are as the code says
	$(BIN)/jalsa docs check

docs: .venv/dev.stamp ## Write everything that is generated from the code: contracts, the broker's definitions, pages of docs/
	$(BIN)/jalsa contracts write
	$(BIN)/python deploy/rabbitmq/make_definitions.py
	$(BIN)/jalsa docs write

deployment: .venv/dev.stamp ## Check the compose file and the Dockerfile, and that no file names a package registry
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/hadolint deploy/Dockerfile
	git grep --no-index --exclude-standard -nIiE '$(REGISTRY_HOSTS)'; test $$? -eq 1  # 1: searched, and found none

bench: .venv/dev.stamp ## Measure, and print ratios to bare code
	$(BIN)/python tests-e2e/benchmarks/run.py

install: .venv/dev.stamp ## Install everything for development into .venv

lock: .venv/dev.stamp ## Choose versions again: deploy/requirements/*.in to *.txt (UPGRADE=1 for the newest)
	cd $(LOCKS) && for set in service local dev; do \
	  ../../$(BIN)/uv pip compile $$set.in --output-file $$set.txt --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header --quiet $(if $(UPGRADE),--upgrade) || exit 1; \
	done

clean: ## Remove what make has made (never the data in .jalsa)
	rm -rf .venv $(TOOLS)/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find shared services deploy -name '*.egg-info' -prune -exec rm -rf {} +

# A stamp is as old as the last installation from its lock file.
.venv/%.stamp: $(LOCKS)/%.txt $(PACKAGES:=/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Jalsa needs Python 3.11 or newer. If you have it under another name: make PYTHON=python3.12'; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo 'This Python cannot make a virtualenv. On Debian and Ubuntu: apt install python3-venv'; exit 1; }
	@echo 'Installing the libraries of $< (a few minutes at the first time)'
	$(PIP) install --require-hashes --progress-bar on -r $<
	@echo 'Installing Jalsa itself'
	$(PIP) install --quiet --no-deps --no-build-isolation $(PACKAGES:%=--editable ./%)
	@touch $@

$(TOOLS)/node_modules/.package-lock.json: $(TOOLS)/package-lock.json
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null || \
	  { echo 'The tools of others need Node.js 20 or newer, with npm. On Debian and Ubuntu: apt install nodejs npm'; exit 1; }
	@echo 'Installing the tools of $(TOOLS) (a minute at the first time)'
	@cd $(TOOLS) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
