# `make help` lists the commands. PORT, DATA_DIR and SIMULATE are read from the environment, as in
# `make run PORT=8001 SIMULATE=0`; .env.example has the others.

CANDIDATES := python3.11 python3.12 python3.13 python3
PYTHON ?= $(shell for p in $(CANDIDATES); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := $(BIN)/uv pip compile --quiet --python-version 3.11 --no-header $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help run bootstrap test torture lint bench requirements

help: ## Show this list.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

run: .venv/installed ## Set up what is missing, then run everything until Ctrl-C.
	@$(BIN)/python manage.py runall

bootstrap: .venv/installed ## Set up what is missing: packages, Kafka, database, admin user, first source.
	@$(BIN)/python manage.py bootstrap

test: .venv/installed-dev ## Run the tests, on real Kafka too; ARGS="-k feeder" chooses some.
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

torture: .venv/installed-dev ## Kill, freeze and starve feeders and brokers; ARGS="--minutes 20 --kills 300 --seed 1".
	@$(BIN)/python -m torture $(ARGS)

lint: .venv/installed-dev ## Check style, types, templates, migrations and settings.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/djlint --quiet --check --lint .
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING

bench: .venv/installed-dev ## Measure what it takes to accept, store and show events.
	@$(BIN)/python -m benchmarks

requirements: .venv/installed-dev ## Pin requirements*.in; ARGS=--upgrade takes newer versions.
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) -c requirements.txt requirements-dev.in -o requirements-dev.txt

.venv/installed: requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none of these is: $(CANDIDATES)." >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Making the virtual environment .venv with $(PYTHON)."; $(PYTHON) -m venv .venv; }
	@echo "Installing requirements.txt."
	@$(PIP) install -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@echo "Installing requirements-dev.txt."
	@$(PIP) install -r requirements-dev.txt
	@touch $@
