# One command each: `make run` starts the service, `make test` runs every test.
PYTHON ?= python3.11
VENV ?= .venv
CONFIG ?= serve_config.yaml
BIN := $(VENV)/bin
export RAY_USAGE_STATS_ENABLED ?= 0
export RAY_worker_niceness ?= 0
export RAY_SERVE_USE_GRPC_BY_DEFAULT ?= 1
export RAY_SERVE_CONTROL_LOOP_INTERVAL_S ?= 0.5
export RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH ?= serve_app.ingress.proxy.middlewares

.PHONY: run test test-real-size unit check format install install-dev clean

run: install
	$(BIN)/serve run $(CONFIG)

test: install-dev
	$(BIN)/pytest tests/unit tests/integration tests/e2e

# Stable Diffusion 1.5's true shapes with random weights: 4 GB of disk, 16 GB of memory, five minutes.
test-real-size: install-dev
	$(BIN)/python -m benchmarks.real_size

unit: install-dev
	$(BIN)/pytest tests/unit

check: install-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/unit

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

$(VENV)/requirements-dev.txt: requirements.txt requirements-dev.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r requirements-dev.txt
	cp requirements.txt $(VENV)/requirements.txt
	cp requirements-dev.txt $@

clean:
	rm -rf $(VENV) build
