# `make test` and `make demo` need nothing but a Python 3.11 or later: each sets up .venv first.

PYTHON ?= python3
# A bare `torch` can resolve to a build that pulls gigabytes of CUDA. Pinned, and installed only where there is none.
TORCH ?= torch==2.13.0

BIN := .venv/bin
READY := .venv/.ready
PYTEST := $(BIN)/python -m pytest -n 2
# Two workers with one thread each: torch's own threads would only fight over the same cores.
ONE_THREAD := OMP_NUM_THREADS=1
# What another machine may have: no vector instructions in torch, more threads, other hashes. Four threads on two cores
# must not wait by spinning: that tripled the time.
OTHER := ATEN_CPU_CAPABILITY=default OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE PYTHONHASHSEED=2

.PHONY: test test-slow lint docs demo bench clean

test: lint
	$(ONE_THREAD) $(PYTEST) -m "not slow"

test-slow: $(READY)
	$(ONE_THREAD) $(PYTEST) -m slow
	$(OTHER) $(PYTEST) -m "not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY)
	$(BIN)/python -m sphinx -q -W -b html -d out/doctrees docs out/site

demo: $(READY)
	$(BIN)/intertwine tour --out out

# e3nn in an environment apart: it must not decide which versions the library is developed with.
bench: .bench/.ready
	cd benchmarks && for script in convolution.py harmonics.py products.py; do ../.bench/bin/python $$script || exit 1; done

.bench/.ready:
	$(PYTHON) -m venv .bench
	.bench/bin/python -m pip install $(TORCH)
	.bench/bin/python -m pip install e3nn==0.6.0 cuequivariance-torch cuequivariance sphericart-torch -e .
	touch $@

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
