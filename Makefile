# The environment lives in .venv; a stamp file says what is installed in it, so repeated calls are quick.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
# libraries that would otherwise call home
export BENTOML_DO_NOT_TRACK := True
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help run test proof bench world lint bento docs lock sbom vulnerable clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.stamp-run ## from nothing to a scored order and its reports: simulate, import, train, serve, score, report
	$(BIN)/otcrisk demo

# a test file stays on one worker, so that what it trains is trained once
test: $(VENV)/.stamp-test lint ## lint, types, import contracts, tests (warnings are errors)
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

proof: $(VENV)/.stamp-test ## hours: what the service promises, broken on purpose; the models against the simulator's truth at full size
	$(BIN)/python -m tests.proof
	$(BIN)/pytest -m slow

bench: $(VENV)/.stamp-test ## the feature engine beside its peers: ratios, benchmarks/results.json, docs/performance.md
	$(BIN)/python -m benchmarks $(ARGS)

world: $(VENV)/.stamp-test ## the payment-time law beside other learners on one ledger; ARGS="--ledger ... --as-of ... --issued ..."
	$(PIP) install --quiet --require-hashes --no-deps -r requirements.lock -r requirements-world.lock
	$(BIN)/python -m benchmarks.world $(ARGS)

lint: $(VENV)/.stamp-test ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bento: $(VENV)/.stamp-test ## pack the service and the champion of OTCRISK_HOME into a Bento
	$(BIN)/python -m serving.build

docs: $(VENV)/.stamp-run ## write the pages that are generated from tables
	$(BIN)/otcrisk docs

lock: $(VENV)/.stamp-test ## pin every dependency anew, with hashes, within the bounds of pyproject.toml
	$(BIN)/python .ci/lock.py --upgrade

sbom: $(VENV)/.stamp-supply ## software bill of materials of what is locked for running: sbom.json (CycloneDX)
	$(BIN)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible -o sbom.json

vulnerable: $(VENV)/.stamp-supply ## known vulnerabilities of what is locked; fails where a package could not be looked up
	$(BIN)/python .ci/vulnerable.py

clean: ## remove the environment, the state in var/ and every cache
	rm -rf $(VENV) var dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is incomplete; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# every file that is installed has a hash in a lock, which is complete (--no-deps: pip refuses hashes of extras); the
# product itself is built here, from what lies here
$(VENV)/.stamp-run: $(BIN)/python pyproject.toml requirements.lock
	$(PIP) install --quiet --require-hashes --no-deps -r requirements.lock
	$(PIP) install --quiet --no-deps -e .
	@touch $@

$(VENV)/.stamp-test: $(VENV)/.stamp-run requirements-test.lock
	$(PIP) install --quiet --require-hashes --no-deps -r requirements.lock -r requirements-test.lock
	@touch $@

$(VENV)/.stamp-supply: $(VENV)/.stamp-run requirements-supply.lock
	$(PIP) install --quiet --require-hashes --no-deps -r requirements.lock -r requirements-supply.lock
	@touch $@
