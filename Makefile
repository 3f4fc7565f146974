# The commands of this project. Everything is installed into .venv by the project's own files.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test lint types unit lowest docs bench engines foreign format clean

install: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,docs]'
	touch $@

# The demo needs little, and whoever tries it first should not wait for the rest.
.venv/demo-installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	touch $@

demo: .venv/demo-installed  ## upload real images to a sandbox and look at the report
	$(BIN)/python -m xnat_upload.demo

test: lint types unit docs  ## everything CI runs

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo

types: install
	$(BIN)/mypy

unit: install
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

lowest: install  ## the tests once more, with the oldest allowed version of each dependency, in an environment of its own
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) build/lowest
	$(BIN)/uv pip compile --quiet --python build/lowest --resolution lowest-direct --extra demo --extra parquet --extra dask --extra cli pyproject.toml --output-file build/lowest.txt
	$(BIN)/uv pip install --quiet --python build/lowest --constraint build/lowest.txt --editable '.[test,docs]'
	build/lowest/bin/python -m pytest --numprocesses auto --dist loadfile

docs: install  ## build the site into build/docs; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -q -E -b html -d build/doctrees docs build/docs

bench: install  ## this library, its peers and curl on the same files: half an hour on an idle machine; CASE=small runs one
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m tests.benchmarks $(CASE)

engines: install  ## the documented tasks on the real Airflow and Prefect, which do not fit into one environment
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	for engine in apache-airflow prefect; do \
		environment=build/engines/$${engine#apache-}; \
		$(BIN)/uv venv --quiet --clear --python $(PYTHON) $$environment && \
		$(BIN)/uv pip install --quiet --python $$environment --editable . "$$engine>=3" || exit 1; \
	done
	$(BIN)/python -m pytest tests/engines

foreign: install  ## other people's own test suites against the sandbox; needs the package index and a quarter of an hour
	$(BIN)/python -m tests.foreign

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build dist
