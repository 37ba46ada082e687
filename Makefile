# Everything from nothing but Python 3.11 and make. `make test` is what CI runs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo examples docs site vendor-calls test test-extra lint bench bench-large bench-peers crash-matrix mutants clean
.DEFAULT_GOAL := test

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kstate needs Python 3.11 or newer")'
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY)
	@$(BIN)/python -m demo.demo

examples: $(READY)
	@$(BIN)/python -m demo.examples

docs: $(READY)
	@$(BIN)/python -m docs.generate

# The docs site, strictly: a link that leads nowhere is an error.
site: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,docs]'
	@NO_MKDOCS_2_WARNING=1 PYTHONPATH=. $(BIN)/python -m mkdocs build --quiet --strict

# Every call to a vendor's API, noted while the platforms' tests run; writes docs/vendor-calls.md.
vendor-calls: $(READY)
	@rm -rf .trace && mkdir .trace
	@KSTATE_VENDOR_TRACE=$(CURDIR)/.trace $(BIN)/python -m pytest -q -n 2 --dist loadfile tests/platforms tests/secrets
	@$(BIN)/python -m docs.vendor_calls .trace
	@rm -rf .trace

test: $(READY)
	@echo 'left out here: tests/extra, which needs Chromium, axe-core, actionlint and zizmor (make test-extra)'
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --durations=15

# The page of HTML in a real browser, the workflows under their linters. `.ci/extra` installs what this needs first.
test-extra: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,extra,docs]'
	@npm ci --silent --no-audit --no-fund --prefix tests/extra
	@$(BIN)/python -m pytest -q tests/extra

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(READY)
	@$(BIN)/python -m bench

bench-large: $(READY)
	@$(BIN)/python -m bench --large
	@$(BIN)/python -m bench --large-writes

# kstate beside topicctl and Terraform or OpenTofu, each where it is on the PATH; writes docs/comparison.md.
bench-peers: $(READY)
	@$(BIN)/python -m bench.peers

# A hundred terms of the race for the lock, then every fault at every request of an apply: about half an hour.
crash-matrix: $(READY)
	@KSTATE_RACE_TERMS=100 $(BIN)/python -m pytest -q tests/live/race
	@$(BIN)/python -m tests.crash
	@$(BIN)/python -m tests.crash.web

# The rules broken on purpose, about half an hour; writes docs/reliability.md.
mutants: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,mutants]'
	@KSTATE_EXAMPLES=25 $(BIN)/python -m bench.mutants

clean:
	rm -rf $(VENV) mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis
