# One command each: `make run` starts the service, `make test` runs every test.
PYTHON ?= python3.11
VENV ?= .venv
CONFIG ?= serve_config.yaml
BIN := $(VENV)/bin

.PHONY: run test test-real-size image-test operate-test unit check lint format install install-dev clean

run: install
	$(BIN)/python -m serve_app $(CONFIG)

test: unit
	$(BIN)/pytest tests/integration tests/e2e -m "not slow"

# Stable Diffusion 1.5's true shapes with random weights: 4 GB of disk, 16 GB of memory, five minutes.
test-real-size: install-dev
	$(BIN)/python -m benchmarks.real_size

# Builds the container image and runs it, by Docker or Podman; both may be given more options:
# IMAGE_TEST_BUILD_FLAGS for `build`, IMAGE_TEST_RUN_FLAGS for `run`.
image-test: install-dev
	$(BIN)/pytest -v -s tests/image

# What an operator relies on: rules and board on a real Prometheus, traces, manifests, reverse proxies, two nodes of one
# machine, the image. As root, with Debian's prometheus, nginx-light, caddy and podman; what is missing is skipped by name.
operate-test: install-dev
	$(BIN)/pytest -s tests/unit/deploy tests/e2e/test_monitoring.py tests/e2e/test_tracing.py \
	  tests/e2e/test_reverse_proxies.py tests/nodes tests/image

unit: install-dev
	$(BIN)/pytest tests/unit --cov

check: lint unit

lint: install-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: install-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: $(VENV)/requirements.txt

install-dev: $(VENV)/requirements-dev.txt

# The copy of the requirements in the environment says what was installed.
$(VENV)/requirements.txt: requirements.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r requirements.txt
	cp requirements.txt $@

$(VENV)/requirements-dev.txt: requirements.txt requirements-offline.txt requirements-tracing.txt requirements-dev.txt requirements-convert.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r requirements-dev.txt
	$(BIN)/pip install --quiet --no-deps -r requirements-convert.txt
	cp requirements.txt $(VENV)/requirements.txt
	cp requirements-dev.txt $@

clean:
	rm -rf $(VENV) build
