# Everything runs in .venv, which the first target that needs it lays out from the hash-locked list.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint bench lock clean

demo: .venv/ready
	$(BIN)/dissem demo --dir demo

test: .venv/ready
	$(BIN)/pytest -q

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/ready
	$(BIN)/python -m benchmarks

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --no-index --editable .
	touch $@

clean:
	rm -rf .venv demo
