# One command for each thing. Needs Python 3.11 or newer and make; everything else is installed into .venv.
.DEFAULT_GOAL := help
.SUFFIXES:
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
LANGUAGES := uk ru
LOCALES := $(wildcard translations/*/LC_MESSAGES/messages.po)
CATALOGUES := $(LOCALES:.po=.mo)
PYTEST_WORKERS ?= 2
# where a mistake loses or doubles an order, or miscounts money; imitations of vendors are not the product
FULLY_COVERED := integrations/*,jobs/*,orders/totals.py

.PHONY: help run demo test coverage bench soak lint screenshots messages translations clean

help: ## This list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1|/' | column -t -s '|' 2>/dev/null \
	 || grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST)

run: $(VENV)/installed $(CATALOGUES) ## Run the hub: web, workers, scheduler and broker, stopped together by Ctrl-C
	@exec $(BIN)/python -m ops.supervisor

demo: $(VENV)/installed $(CATALOGUES) ## The same with sandbox vendors, connected, and orders flowing; data in data/demo
	@exec $(BIN)/python -m ops.supervisor --demo

# every process of a test run would compile the hub's modules anew
test coverage: export PYTHONDONTWRITEBYTECODE :=

test: $(VENV)/installed-dev $(VENV)/npm/installed $(CATALOGUES) ## All tests, on SQLite and on PostgreSQL
	@$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: $(VENV)/installed-dev $(VENV)/npm/installed $(CATALOGUES) ## Branch coverage of all tests; fails below the bars of CONTRIBUTING.md
	@$(BIN)/coverage erase
	@$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder --cov --cov-report= $(ARGS)
	@$(BIN)/coverage report --fail-under=95 || bad=1; echo; \
	$(BIN)/coverage report --fail-under=100 --include='$(FULLY_COVERED)' --omit='integrations/sandbox*.py,integrations/*/sandbox*.py' || bad=1; \
	exit $${bad:-0}

bench: $(VENV)/installed-dev $(CATALOGUES) ## Benchmarks, printed as ratios; ARGS=--peers runs django-oscar beside the hub
	@$(BIN)/python -m benchmarks $(ARGS)

soak: $(VENV)/installed-dev $(CATALOGUES) ## Three hundred kills of workers and broker; every order ends exactly once
	@$(BIN)/python -m benchmarks.soak $(ARGS)

lint: $(VENV)/installed-dev ## Style, types and import directions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

screenshots: $(VENV)/installed-dev $(CATALOGUES) ## The pictures of the README, taken in Chromium from a demo of their own
	@$(BIN)/python -m ops.screenshots

messages: $(VENV)/messages.pot ## Collect the texts of the pages into translations/
	@for language in $(LANGUAGES); do \
	  if [ -e translations/$$language/LC_MESSAGES/messages.po ]; then verb=update options=--ignore-pot-creation-date; else verb=init options=; fi; \
	  $(BIN)/pybabel --quiet $$verb -i $< -d translations -l $$language $$options || exit 1; \
	done

translations: $(VENV)/messages.pot ## Check that every text is there in every language
	@$(BIN)/python -m ops.check_translations $< translations

.PHONY: $(VENV)/messages.pot
$(VENV)/messages.pot: $(VENV)/installed-dev
	@$(BIN)/pybabel --quiet extract -F babel.cfg -k _l -k lazy_gettext -k lazy_ngettext:1,2 -k N_ --no-location \
	  --sort-output --project=Perron --copyright-holder=Perron -o $@ .

clean: ## Remove the virtual environment and every cache; data/ stays
	@rm -rf $(VENV) $(VENV)-peers .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -f $(CATALOGUES)

# The newest interpreter that will do. Distributions differ in what `python3` means.
$(BIN)/python:
	@for candidate in python3.13 python3.12 python3.11 python3 python; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Perron needs Python 3.11 or newer; this machine has $$(python3 --version 2>&1 || echo none)." >&2; exit 1; \
	fi; \
	"$$found" -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python has no venv module here. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(VENV)/installed: requirements.txt | $(BIN)/python
	@echo "Installing packages into $(VENV) (once)…"
	@$(PIP) install -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt requirements.txt | $(BIN)/python
	@echo "Installing packages for development into $(VENV) (once)…"
	@$(PIP) install -r requirements-dev.txt
	@touch $@ $(VENV)/installed

# clients of vendors that others wrote in JavaScript; the product itself has no use for Node.js
$(VENV)/npm/installed: tests/npm/package.json tests/npm/package-lock.json | $(BIN)/python
	@command -v npm >/dev/null || { echo "The tests need Node.js with npm. On Debian and Ubuntu: apt install nodejs npm" >&2; exit 1; }
	@mkdir -p $(@D) && cp $^ $(@D)
	@npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

%.mo: %.po | $(VENV)/installed
	@$(BIN)/pybabel --quiet compile -i $< -o $@
