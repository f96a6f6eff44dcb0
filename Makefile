# `make test` and `make demo` need nothing but a Python 3.11 or later: each sets up .venv first.

PYTHON ?= python3
# A bare `torch` can resolve to a build that pulls gigabytes of CUDA. Pinned, and installed only where there is none.
TORCH ?= torch==2.13.0

BIN := .venv/bin
READY := .venv/.ready
# Two workers with one thread each: torch's own threads would only fight over the same cores.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.PHONY: test test-slow lint demo clean

test: lint
	$(PYTEST) -m "not slow"

test-slow: $(READY)
	$(PYTEST) -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

demo: $(READY)
	$(BIN)/intertwine tour --out out

# The stamp: install again only when pyproject.toml is newer.
$(READY): pyproject.toml | $(BIN)/python
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/python -m pip install $(TORCH)
	$(BIN)/python -m pip install -e '.[dev]'
	touch $@

# After `|` above: a venv's python is a link whose date says nothing about the venv.
$(BIN)/python:
	$(PYTHON) -m venv .venv

# Keeps .venv: it is the slow part, and the stamp keeps it right.
clean:
	rm -rf out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
