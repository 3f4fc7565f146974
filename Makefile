# The commands of this project. Everything is installed into .venv by the project's own files.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test lint types unit format clean

install: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

demo: install  ## upload real images to a sandbox and look at the report
	$(BIN)/python -m xnat_upload.demo

test: lint types unit  ## everything CI runs

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

unit: install
	$(BIN)/python -m pytest

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache dist
