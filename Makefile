# Every task of the project is one word. `make` alone lists them.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup check format test test-fast test-containers test-browser controlplane demo bench crd manifests docs pictures clean

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv and install the project with its development tools

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: install Python 3.11 or newer"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $(STAMP)

check: $(STAMP) ## formatting, lint, types, import contracts, generated files
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/mypy -p tests.controlplane -p tests.bench -p tests.journals -p tests.browser -p tests.recordings -m tests.shown
	$(BIN)/lint-imports
	$(BIN)/python -m adapters.kubernetes.crd check
	$(BIN)/python -m adapters.webhooks.manifests check

format: $(STAMP) ## format, and repair what can be repaired
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

test: $(STAMP) controlplane ## the whole suite, also on the real Kubernetes control plane (not in containers or a browser)
	$(BIN)/pytest -m 'not containers and not browser' $(PYTEST_ARGS)

test-fast: $(STAMP) ## the tests that need no control plane
	$(BIN)/pytest -m 'not containers and not browser and not controlplane' $(PYTEST_ARGS)

test-containers: $(STAMP) ## JetStream clusters in containers; needs a container engine
	$(BIN)/pytest -m containers $(PYTEST_ARGS)

test-browser: $(STAMP) ## pages in a real browser; needs Chromium
	$(BIN)/pytest -m browser $(PYTEST_ARGS)

controlplane: $(STAMP) ## build the real Kubernetes control plane, once for all clones (about 8 minutes)
	$(BIN)/python -m tests.controlplane.build

demo: $(STAMP) ## a group is created, broken and recreated on a simulated cluster
	$(BIN)/lws-events demo

bench: $(STAMP) controlplane ## one table of figures, measured on the real control plane
	$(BIN)/python -m tests.bench $(BENCH_ARGS)

crd: $(STAMP) ## generate deploy/crd from the typed definitions
	$(BIN)/python -m adapters.kubernetes.crd generate

docs: $(STAMP) ## write into docs/*.md what the commands shown there print about the recorded journals
	$(BIN)/python -m tests.shown

pictures: $(STAMP) ## generate docs/images; needs Chromium
	$(BIN)/python -m tests.browser.pictures

manifests: $(STAMP) ## generate deploy/manifests/webhooks.yaml from the webhook configurations
	$(BIN)/python -m adapters.webhooks.manifests generate

clean: ## remove the environment and all caches of this folder
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
