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
.PHONY: help run test proof bench world lint bento docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.stamp-run ## from nothing to a scored order and its reports: simulate, import, train, serve, score, report
	$(BIN)/otcrisk demo

# a test file stays on one worker, so that what it trains is trained once
test: $(VENV)/.stamp-test lint ## lint, types, import contracts, tests (warnings are errors)
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

proof: $(VENV)/.stamp-test ## minutes: what the service promises, broken on purpose; the models against the simulator's truth at full size
	$(BIN)/python -m tests.proof
	$(BIN)/pytest -m slow

bench: $(VENV)/.stamp-bench ## the feature engine beside its peers: ratios, benchmarks/results.json, docs/performance.md
	$(BIN)/python -m benchmarks $(ARGS)

world: $(VENV)/.stamp-bench ## the payment-time law beside other learners on one ledger; ARGS="--ledger ... --as-of ... --issued ..."
	$(PIP) install --quiet -c requirements.lock -e ".[world]"
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

lock: $(VENV)/.stamp-test ## pin every dependency anew, within the bounds of pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade \
		--no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet -o requirements.lock

clean: ## remove the environment, the state in var/ and every cache
	rm -rf $(VENV) var dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is incomplete; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.stamp-run: $(BIN)/python pyproject.toml requirements.lock
	$(PIP) install --quiet -c requirements.lock -e .
	@touch $@

$(VENV)/.stamp-bench: $(BIN)/python pyproject.toml requirements.lock
	$(PIP) install --quiet -c requirements.lock -e ".[bench]"
	@touch $@ $(VENV)/.stamp-run

$(VENV)/.stamp-test: $(BIN)/python pyproject.toml requirements.lock
	$(PIP) install --quiet -c requirements.lock -e ".[test]"
	@touch $@ $(VENV)/.stamp-run
