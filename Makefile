# `make demo` shows rtloc at work, `make test` checks all of it. Each has a virtual environment of its own.

PYTHON ?= python3
VENV ?= .venv
DEV_VENV ?= .venv-dev
# the version that the tests are known to pass with; another one may be much larger to install
TORCH ?= torch==2.13.0
DEMO_VIDEO = out/pokemon.rtloc.mp4

.PHONY: demo test test-gpu lint format clean

demo: $(VENV)/installed
	mkdir -p out
	$(VENV)/bin/rtloc video samples/pokemon.mp4 -o $(DEMO_VIDEO) --records out/pokemon.jsonl
	@echo "The annotated video: $(DEMO_VIDEO) (what was found: out/pokemon.jsonl)"

test: $(DEV_VENV)/installed lint
	$(DEV_VENV)/bin/python -m pytest --numprocesses auto

test-gpu: $(DEV_VENV)/installed
	$(DEV_VENV)/bin/python -m pytest -m gpu

lint: $(DEV_VENV)/installed
	$(DEV_VENV)/bin/ruff check
	$(DEV_VENV)/bin/ruff format --check
	$(DEV_VENV)/bin/mypy

format: $(DEV_VENV)/installed
	$(DEV_VENV)/bin/ruff check --fix
	$(DEV_VENV)/bin/ruff format

$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable .
	touch $@

$(DEV_VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(DEV_VENV)
	$(DEV_VENV)/bin/python -m pip install --quiet --upgrade pip
	$(DEV_VENV)/bin/python -m pip install --quiet "$(TORCH)"
	$(DEV_VENV)/bin/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(DEV_VENV) out build *.egg-info
