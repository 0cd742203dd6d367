# demo: set up and show real completions    test: set up and run every test    lint: only the static checks
# fast: the tests that start no server, model or editor. WORKERS: so many run side by side, a file's tests always in one.
# results: measure in WORKSPACES (folders) and keep it in results/; NAMES, in the same order, are NAME@COMMIT.
# results-lines, results-ablation, results-models, results-memory, results-recall: one of these alone. For the last one CASES
# may name CrossCodeEval's file as TabbyML/tabby has it, and REPOSITORIES the folder with the repositories of its cases.
# results-typing: the same for typing, which is no part of results: it takes half an hour in each of WORKSPACES, on a machine
# on which nothing else runs. PEER names a llama-server.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test fast lint results results-lines results-ablation results-models results-memory results-recall results-typing workspaces editors vsix clean

demo: $(VENV)/ready
	@$(BIN)/offhand demo

# Tests start Python hundreds of times: it may keep what it compiled, also where the environment says otherwise.
WORKERS ?= logical
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# The editors come from the network while Python's packages are installed.
test:
	@$(MAKE) --jobs=2 $(if $(filter no,$(TRAIN)),$(VENV)/ready-dev,$(VENV)/ready-train) editors
	$(PYTEST)

fast: $(VENV)/ready-dev
	$(PYTEST) -m "not slow"

lint: $(VENV)/ready-dev
	$(BIN)/python -m pytest tests/test_house.py

# The workspaces that results/ is about, which no model was trained on and no number was fitted to: nvbn/thefuck,
# locustio/locust, httpie/cli, simonw/datasette, sindresorhus/got, junegunn/fzf, BurntSushi/ripgrep, jqlang/jq, google/gson,
# colinhacks/zod, folke/lazy.nvim.
NAMES ?= thefuck@c7e7e1d884d3 locust@407343d0f5ab httpie@5b604c37c6c6 datasette@481df7ff6d78 got@d00d845a0b43 \
  fzf@956562daaa82 ripgrep@3fce3b5bb023 jq@579e6f76cffd gson@9835b6f90192 zod@e516c3baf226 lazy.nvim@306a05526ada
# Random cursors, and short blocks, in each workspace; models to put side by side (those asked before stay in the table, if they
# were asked at the same places); sizes of the memory, in tokens.
N ?= 200
ABLATION_N ?= 50
MODELS_N ?= 100
BLOCKS ?= 40
RECALL_N ?= 60
MODELS ?= bundled small memory=none
TOKENS ?= 1000000 3000000
KEYS ?= 450
PEER ?= $(wildcard .cache/servers/sid/bin/llama-server)

# With the default settings, whatever the user's own are.
BENCH = OFFHAND_HOME=$(CURDIR)/.cache/results $(BIN)/offhand bench

results: results-lines results-ablation results-models results-memory results-recall

results-lines: $(VENV)/ready workspaces
	$(BENCH) lines $(WORKSPACES) $(addprefix --name ,$(NAMES)) -n $(N) --blocks $(BLOCKS) \
	  --update results/lines.json --picture results/lines.svg

results-ablation: $(VENV)/ready workspaces
	$(BENCH) ablation $(WORKSPACES) $(addprefix --name ,$(NAMES)) -n $(ABLATION_N) \
	  --update results/ablation.json --picture results/ablation.svg

results-models: $(VENV)/ready workspaces
	$(BENCH) models $(WORKSPACES) $(addprefix --name ,$(NAMES)) -n $(MODELS_N) --blocks $(BLOCKS) \
	  $(addprefix --model ,$(MODELS)) --update results/models.json

results-memory: $(VENV)/ready workspaces
	@mkdir -p .cache
	$(BENCH) memory $(WORKSPACES) --tokens $(TOKENS) --json > .cache/memory.json
	mv .cache/memory.json results/memory.json

results-recall: $(VENV)/ready workspaces
	$(BENCH) recall $(WORKSPACES) $(CASES) $(addprefix --repositories ,$(REPOSITORIES)) -n $(RECALL_N) --json results/recall.json

results-typing: $(VENV)/ready workspaces
	$(BENCH) typing $(WORKSPACES) --keys $(KEYS) --ablation $(addprefix --peer ,$(PEER)) \
	  --json results/typing.json --html results/typing.html

workspaces:
	@test -n "$(WORKSPACES)" || { echo 'Name folders: make results WORKSPACES="one two"'; exit 2; }

# Real Neovims for the end-to-end tests (0.12, 0.10, 0.7), llama.cpp's server, and a Chromium without windows, which is
# fetched beside the others as it takes longest. Without them those tests are skipped and say so.
editors:
	@OFFHAND_EDITORS=$(CURDIR)/.cache/browser bash tests/e2e/get_debian.sh bookworm chromium-headless-shell:chromium-headless-shell \
	  || echo "No Chromium from bookworm: its tests will be skipped." & \
	for suite in sid trixie bookworm; do \
	  bash tests/e2e/get_debian.sh $$suite neovim:nvim || echo "No Neovim from $$suite: its tests will be skipped."; \
	done; \
	OFFHAND_EDITORS=$(CURDIR)/.cache/servers bash tests/e2e/get_debian.sh sid llama.cpp-tools:llama-server \
	  || echo "No llama-server from sid: its tests will be skipped."; \
	wait

vsix:
	cd editors/vscode && npm ci --ignore-scripts && npm run package

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# What training needs. PyTorch is large: TRAIN=no leaves it out, and the tests of training are skipped.
$(VENV)/ready-train: $(VENV)/ready-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train]'
	@touch $@

clean:
	rm -rf $(VENV) .cache dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
