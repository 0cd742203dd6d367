# demo: set up and show real completions    test: set up and run every test    lint: only the static checks
# results: measure the quality in WORKSPACES (folders) and keep it in results/; NAMES, in the same order, are NAME@COMMIT
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test fast lint results editors vsix clean

demo: $(VENV)/ready
	@$(BIN)/offhand demo

test: $(VENV)/ready-dev editors
	$(BIN)/python -m pytest

fast: $(VENV)/ready-dev
	$(BIN)/python -m pytest -m "not slow"

lint: $(VENV)/ready-dev
	$(BIN)/python -m pytest tests/test_house.py

# With the default settings, whatever the user's own are.
results: $(VENV)/ready
	@test -n "$(WORKSPACES)" || { echo 'Name folders: make results WORKSPACES="one two"'; exit 2; }
	OFFHAND_HOME=$(CURDIR)/.cache/results $(BIN)/offhand bench lines $(WORKSPACES) $(addprefix --name ,$(NAMES)) \
	  --update results/lines.json --picture results/lines.svg

# Real Neovims for the end-to-end tests (0.12, 0.10, 0.7). Without them those tests are skipped and say so.
editors:
	@for suite in sid trixie bookworm; do \
	  bash tests/e2e/get_debian.sh $$suite neovim:nvim || echo "No Neovim from $$suite: its tests will be skipped."; \
	done

vsix:
	cd editors/vscode && npm ci --ignore-scripts && npm run package

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .cache dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
