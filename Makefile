# Two commands: `make book` and `make test`. Both install what they need; Python 3.11 or newer and make are all
# that has to be there, and a Chromium for the tests of the pages.

# The first interpreter that is new enough and can make a virtual environment; `python3` if there is none, and
# then tools/doctor.py says what is wrong with it.
usable = $(shell $(1) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(1))
PYTHON ?= $(or $(firstword $(foreach p,python3 python3.11 python3.12 python3.13 python3.14 python,$(call usable,$(p)))),python3)
VENV ?= .venv
BUILD ?= _build
SCALE ?= toy
JOBS ?= 2
TESTS ?=

ifeq ($(OS),Windows_NT)
RUN = $(VENV)/Scripts/python.exe
else
RUN = $(VENV)/bin/python
endif
PYTEST = BUILD=$(BUILD) OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(JOBS) --dist loadgroup

.PHONY: book test test-all lint install stamp lock clean help
.DEFAULT_GOAL := help

help:
	@echo 'make book      install, execute the notebooks that changed, build the pages, print where to open them'
	@echo '               make book SCALE=laptop: with more work per page'
	@echo 'make test      build the book if it is not, then test the library, the notebooks and the pages (TESTS=... for some)'
	@echo 'make test-all  the same with the slow tests'
	@echo 'make lint      ruff and mypy'
	@echo 'make stamp     write the address of _config.yml into notebooks, README.md, CITATION.cff and pyproject.toml'
	@echo 'make lock      write requirements.lock from the environment'

install:
	@$(PYTHON) -m tools.bootstrap --venv $(VENV)

book: install
	@$(RUN) -m tools.book --build $(BUILD) --scale $(SCALE) --jobs $(JOBS)

test: book
	@$(RUN) -m tools.doctor browser
	@$(PYTEST) -m 'not slow' $(TESTS)

test-all: book
	@$(RUN) -m tools.doctor browser
	@$(PYTEST) $(TESTS)

lint: install
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

stamp: install
	@$(RUN) -m tools.stamp --write

lock: install
	@$(RUN) -m tools.lock --write

clean:
	rm -rf $(BUILD)
