# `make demo` and `make test` are all there is to know. Both install what they need into .venv, once, and work offline after.

PYTHON ?= $(shell for each in python3.11 python3.12 python3.13 python3; do \
	command -v $$each >/dev/null && $$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& echo $$each && break; done)
BIN := .venv/bin
STORE ?= roskdbench-store

.PHONY: demo test lint clean

demo: .venv/installed
	$(BIN)/roskdbench run quick --store $(STORE)
	$(BIN)/roskdbench report quick --store $(STORE) --format markdown --out $(STORE)/reports/quick > /dev/null
	@echo "The pictures and the tables in all formats are in $(STORE)/reports/quick"

test: .venv/installed-for-tests
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

lint: .venv/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/python:
	@test -n "$(PYTHON)" || { echo "roskdbench needs Python 3.11, 3.12 or 3.13; none was found (make PYTHON=/path/to/python)"; exit 2; }
	$(PYTHON) -m venv .venv
	touch $@

.venv/installed: .venv/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/installed-for-tests: .venv/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,lint]'
	touch $@ .venv/installed

clean:
	rm -rf .venv dist build
