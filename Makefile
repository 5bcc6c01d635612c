# Every target sets up what it needs first; that takes seconds once done. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
export PYTHON
export TORCH

PY := .venv/bin/python
XVFB := xvfb-run -a -s "-screen 0 1920x1080x24"
# Two test processes share the cores, so each library keeps to one thread.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1
WORKERS ?= 2
ARGS ?=

.PHONY: help setup demo open test lint pytest pytest-core pytest-window bench wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## install system libraries, .venv and the pinned packages
	@scripts/setup.sh

demo: setup ## run the whole walk on the bundled demo study, then open it
	@$(PY) -m ctworkbench demo $(ARGS)

open: setup ## open the window; ARGS=FOLDER opens a study
	@$(PY) -m ctworkbench open $(ARGS)

test: setup lint pytest ## set up, then run the quality gates and all tests, headless

lint: setup ## ruff, pyright and import-linter; all of them run, whatever the first one says
	@failed=; \
	$(PY) -m ruff check . || failed=1; \
	$(PY) -m ruff format --check . || failed=1; \
	$(PY) -m pyright || failed=1; \
	$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' || failed=1; \
	test -z "$$failed"

pytest: pytest-core pytest-window ## the tests alone

pytest-core: setup ## tests without a window, a file at a time on each worker; ARGS chooses, such as ARGS="-k volume"
	@$(ONE_THREAD) $(XVFB) $(PY) -m pytest -n $(WORKERS) --dist loadfile -m "not bench" --ignore=tests/ui $(ARGS)

pytest-window: setup ## tests of the window, one after another: two windows on one display take each other's keys
	@$(ONE_THREAD) QT_QPA_PLATFORM=xcb $(XVFB) $(PY) -m pytest -m "not bench" tests/ui $(ARGS)

bench: bench-phantom bench-labels bench-checks bench-propose bench-review ## measure speed and accuracy; bench-NAME runs tests/bench/bench_NAME.py with ARGS

bench-%: setup
	@$(ONE_THREAD) $(XVFB) $(PY) -m tests.bench.bench_$* $(ARGS)

wheel: setup ## build the wheel into dist/
	@$(PY) -m hatchling build -t wheel

clean: ## remove .venv, caches and what `make demo` made
	rm -rf .venv build dist demo screenshots .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find ctworkbench tests -name __pycache__ -type d -prune -exec rm -rf {} +
