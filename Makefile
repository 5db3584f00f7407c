# Two commands matter to a newcomer: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
IMAGE_EXTRAS := postgres console notify report sweep cluster
LOCK   := -q --universal --generate-hashes --no-annotate --no-header --python-version 3.11

unexport PYTHONDONTWRITEBYTECODE  # the suite starts hundreds of processes: each would compile the client library anew

.PHONY: help demo test test-docker lint docs lock bench performance bench-check audit-deps sbom simulate clean
.DEFAULT_GOAL := help

INSTALL := $(BIN)/pip install -q --no-compile --disable-pip-version-check

$(VENV)/.base: requirements-build.txt requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "hedgebot needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes -r requirements-build.txt
	$(INSTALL) --no-deps --require-hashes -r requirements.txt
	PYTHONWARNINGS=ignore $(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.base
	$(INSTALL) --no-deps --require-hashes -r requirements-dev.txt
	@touch $@

demo: $(VENV)/.base  ## hedge 5 BTC on the paper exchange through a crash and a recovery
	@$(BIN)/hedgebot demo

test: $(VENV)/.dev  ## the whole suite (ARGS="-k NAME" for a part)
	$(BIN)/pytest -n 2 --dist worksteal --ignore=tests/docker $(ARGS)

test-docker: $(VENV)/.dev  ## the deployment in containers, from a fresh clone (DOCKER_LAB=/bin/true: with the Docker that runs here)
	DOCKER_LAB=$${DOCKER_LAB:?names what starts a container engine; set it to /bin/true if one runs here} $(BIN)/pytest --timeout 2700 tests/docker $(ARGS)

lint: $(VENV)/.dev  ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev  ## regenerate what the docs take from the code, then build them
	$(BIN)/python -m tests.docs_from_code
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -q

lock: $(VENV)/.dev  ## re-pin every dependency with its hashes
	$(BIN)/pip install -q uv
	printf 'pip>=26\nsetuptools>=77\n' | $(BIN)/uv pip compile $(LOCK) --upgrade - -o requirements-build.txt
	$(BIN)/uv pip compile $(LOCK) --upgrade pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile $(LOCK) --all-extras -c requirements.txt pyproject.toml -o requirements-dev.txt
	$(BIN)/uv pip compile $(LOCK) $(addprefix --extra ,$(IMAGE_EXTRAS)) -c requirements-dev.txt pyproject.toml -o requirements-image.txt

bench: $(VENV)/.dev  ## every figure with its target, as JSON and as a table (BIG=1: the longest curves too)
	@$(BIN)/python -m tests.bench --to build/bench.json $(ARGS)

performance: $(VENV)/.dev  ## docs/performance.md from what `make bench` measured
	$(BIN)/python -m tests.docs_of_performance build/bench.json
	$(BIN)/python -m tests.docs_from_code

bench-check: $(VENV)/.dev  ## exits 1 when a target is missed by more than 20 %
	@$(BIN)/python -m tests.bench --check --to build/bench.json $(ARGS)

audit-deps: $(VENV)/.dev  ## known vulnerabilities in what the image installs (asks the advisory database; fails where it does not answer)
	$(BIN)/pip-audit --strict --require-hashes --disable-pip -r requirements-image.txt

sbom: $(VENV)/.dev  ## what the image installs, as build/sbom.json (CycloneDX)
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements requirements-image.txt --pyproject pyproject.toml --output-reproducible -o build/sbom.json

simulate: $(VENV)/.dev  ## rehearse bad days on all cores; SEEDS=20000 HOURS=24 goes on where it was interrupted
	$(BIN)/hedgebot simulate --seeds $(or $(SEEDS),500) --hours $(or $(HOURS),2) --compare $(or $(COMPARE),50) --progress .simulate

clean:  ## removes .venv and everything built
	rm -rf $(VENV) build dist site *.egg-info

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'
