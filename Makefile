# `make demo`, `make test` and `make test-all` are all there is to know. They install what they need into .venv, once, and work offline after.

PYTHON ?= $(shell for each in python3.11 python3.12 python3.13 python3.14 python3; do \
	command -v $$each >/dev/null && $$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null \
	&& echo $$each && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
STORE ?= roskdbench-store
# One more process of tests than cores: some wait for others most of their time.
TESTERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.PHONY: demo test test-all check test-anywhere test-lowest lint docs dist clean

# Files whose tests train nothing, and those of rooms without torch: the options hold them to it.
files = $(addprefix tests/test_,$(addsuffix .py,$(1)))
WITHOUT_TORCH := $(call files,cache calibration decoding fingerprint house labelfile real_labels scores splits statistics store suite)
TRAIN_NOTHING := $(call files,libraries losses views)

demo: $(VENV)/installed
	$(BIN)/roskdbench run quick --store $(STORE)
	$(BIN)/roskdbench report quick --store $(STORE) --format markdown --out $(STORE)/reports/quick > /dev/null
	@echo "The pictures and the tables in all formats are in $(STORE)/reports/quick"

test: $(VENV)/installed-for-tests
	$(BIN)/python -m pytest --numprocesses $(TESTERS) --dist loadfile -m 'not slow'

test-all: $(VENV)/installed-for-tests
	$(BIN)/python -m pytest --numprocesses $(TESTERS) --dist loadfile

check: lint
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --without-torch $(WITHOUT_TORCH)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --train-nothing $(TRAIN_NOTHING)

test-anywhere: $(VENV)/installed-for-tests
	$(BIN)/python tests/anywhere.py

# The oldest versions that pyproject.toml allows, and the quicker tests.
test-lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --quiet uv
	.venv-lowest/bin/uv pip install --python .venv-lowest/bin/python --quiet --resolution lowest-direct --editable '.[test]'
	.venv-lowest/bin/uv pip install --python .venv-lowest/bin/python --quiet --no-deps torchattacks==3.5.1
	.venv-lowest/bin/python -m pytest --numprocesses auto --dist loadfile $(WITHOUT_TORCH) $(TRAIN_NOTHING) $(call files,attacks engine soft_loss) \
	tests/hostile/test_hostile_files.py tests/hostile/test_hostile_suites.py

lint: $(VENV)/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/python:
	@test -n "$(PYTHON)" || { echo "roskdbench needs Python 3.11 to 3.14; none was found (make PYTHON=/path/to/python)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	touch $@

# Twice quiet: errors are said, and not every folder that a user's pip looks into and does not find.
$(VENV)/installed: $(VENV)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --quiet --constraint constraints.txt --editable .
	$(BIN)/python -m pip install --quiet --quiet --constraint constraints.txt --no-deps torchattacks
	touch $@

$(VENV)/installed-for-tests: $(VENV)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --quiet --constraint constraints.txt --editable '.[test,lint]'
	$(BIN)/python -m pip install --quiet --quiet --constraint constraints.txt --no-deps torchattacks
	touch $@ $(VENV)/installed

# The documentation as pages in dist/docs, which can be read from there.
docs: $(VENV)/installed-for-tests
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "Open dist/docs/index.html"

# What goes to a package index: the same bytes from the same files, and checked as an index would.
dist:
	$(PYTHON) -m venv .venv-dist
	.venv-dist/bin/python -m pip install --quiet --quiet build twine
	.venv-dist/bin/python -m build --outdir dist/packages
	.venv-dist/bin/python -m twine check --strict dist/packages/*

clean:
	rm -rf .venv .venv-* dist build
