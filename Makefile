# The whole vocabulary: setup demo test test-all cluster-test soak check dependencies docs fmt proto migrate bench wheels version
# images images-test images-renew images-remove
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS)
# Many tests wait for a process to start: two of them are at work for each core.
WORKERS ?= $(shell expr $$(nproc) \* 2)
PROTO_VENV := .venv-proto

# The tests start many programs of this repository, which would compile its modules each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all cluster-test soak check dependencies docs fmt proto migrate bench wheels version images images-test images-renew images-remove

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

PROJECTS := pyproject.toml service/sis/pyproject.toml clients/python/pyproject.toml clients/python/hatch_build.py

$(VENV)/.demo: $(PROJECTS)
	$(PYTHON) tools/environment.py $(VENV) local,demo
	@touch $@

$(VENV)/.installed: $(PROJECTS)
	$(PYTHON) tools/environment.py $(VENV) local,demo,bench,dev
	@touch $@ $(VENV)/.demo

setup: $(VENV)/.installed ## the virtual environment, with everything in it

demo: $(VENV)/.demo ## gate two small networks, check an ensemble, audit an ImageNet classifier; installs what that needs
	$(BIN)/python -m modicum_server.demo

test: setup ## the tests of every part, in parallel: WORKERS=n
	$(PYTEST) -m 'not long'

test-all: test ## the same, and then the long tests: every fault, hostile programs, every network
	@printf '\n== the long tests\n'
	$(PYTEST) -m 'long or hypothesis' --hypothesis-profile=thorough

cluster-test: setup ## workers on a Ray cluster of this machine, and what dies there; needs the machine for itself
	MODICUM_TEST_CLUSTER=1 $(BIN)/python -m pytest -v tests/fleet/test_fleet_on_ray.py

soak: setup ## faults at random, audits all the time: SECONDS=600 SEED=n
	$(BIN)/python -m tests.faults.soak $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

check: setup ## lint, types, import rules, API contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/version.py --check
	$(BIN)/lint-imports
	$(BIN)/python -m tests.contract.lint

dependencies: setup ## list what is installed (sbom.cdx.json), and fail on known vulnerabilities that have a fix
	$(BIN)/python tools/dependency_audit.py

docs: setup ## the documentation as a site, in docs/_build
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --quiet docs docs/_build

fmt: setup ## format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(PROTO_VENV)/.installed:
	$(PYTHON) -m venv $(PROTO_VENV)
	$(PROTO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		'grpcio-tools>=1.76,<1.77' 'mypy-protobuf>=3.6,<4' 'googleapis-common-protos>=1.66'
	@touch $@

proto: $(PROTO_VENV)/.installed ## generate the code of the API contract and of the worker's protocol
	$(PROTO_VENV)/bin/python proto/generate.py
	@echo 'If the contract changed: tools/typescript.py writes the types of clients/typescript, whose README says how.'

migrate: setup ## apply migrations to the database in MODICUM_DATABASE_URL
	$(BIN)/modicum-server migrate

bench: setup ## measure: PART=search|service|arithmetic|memory|load|growth|attack|report|upload|hashing|trust|gate|paper|attack-hour, MINUTES=60 (of attack-hour), QUICK=1, ONLY=gradient-free (of search), MODICUM_BENCH_DATA=DIR
	$(BIN)/python -m benchmarks $(if $(PART),--part $(PART)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

wheels: $(BIN)/python ## build the three distributions into dist/
	$(BIN)/python tools/wheels.py dist

version: ## copy the version in pyproject.toml to the other distributions
	$(PYTHON) tools/version.py

IMAGES := $(BIN)/python -m tools.images
IN_STORAGE = $(if $(STORAGE),--storage $(STORAGE))

images: setup ## build both images without a Docker engine, as root: TARGET=api|worker, STORAGE=DIR, ARGUMENTS='--build-arg PYTHON=3.11'
	$(IMAGES) build $(IN_STORAGE) $(if $(TARGET),--target $(TARGET)) $(ARGUMENTS)

images-test: setup ## run an audit from the images: Postgres, API and worker, read-only, as their user: TARGET=api, STORAGE=DIR
	$(BIN)/python -m tests.deploy.image_trial $(IN_STORAGE) $(if $(TARGET),--target $(TARGET))

images-renew: setup ## write the digest of the images' base into the Dockerfile; needs a registry
	$(IMAGES) renew $(IN_STORAGE)

images-remove: setup ## delete the images and all that building them left: STORAGE=DIR
	$(IMAGES) remove $(IN_STORAGE)
