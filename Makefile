# Everything runs in .venv, which the first target that needs it lays out from the hash-locked list.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test proof lint bench catalogue lock clean

demo: .venv/ready
	$(BIN)/dissem demo --dir demo

# One more than there are cores: many tests wait for something.
test: .venv/ready
	$(BIN)/pytest -q -n $$(($$(nproc) + 1)) --dist worksteal

proof: .venv/ready
	$(BIN)/python tests/model/proof.py
	PROOF=1 $(BIN)/pytest -q -n 4 --dist worksteal tests/proof tests/queue/test_machine.py

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

catalogue: .venv/ready
	$(BIN)/python tests/catalogue.py

lock: .venv/ready
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --all-extras pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv demo
