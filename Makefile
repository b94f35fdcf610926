# seqmagic from an empty clone: `make demo` sets up and shows it, `make test` proves it.
# Variables reach the command: make train TEXT=my.txt CELL=gru MINUTES=2

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEQMAGIC := $(BIN)/seqmagic

TEXT ?= python-docs
RUN ?= latest
RUNS ?= rnn gru lstm
FORMAT ?=
QUANTIZE ?=
OUT ?=
CELL ?=
CELLS ?=
UNITS ?=
LAYERS ?=
MINUTES ?=
EPOCHS ?=
NAME ?=
PROMPT ?=
LENGTH ?=
TEMPERATURE ?=
SEED ?=
# anything else: make train ARGS='--dropout 0.2'
ARGS ?=

# a value as one word of the shell, whatever quotes are in it
quoted = '$(subst ','\'',$(1))'
option = $(if $(strip $($(1))),$(2) $(call quoted,$($(1))))
training = $(call option,UNITS,--units) $(call option,LAYERS,--layers) $(call option,MINUTES,--minutes) \
	$(call option,EPOCHS,--epochs) $(call option,NAME,--name) $(call option,SEED,--seed) $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint docs docs-cli pictures notebooks dist train sample compare evaluate insight runs export pretrained bench clean

help: ## list the targets (this)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf "Variables: TEXT RUN RUNS CELL CELLS UNITS LAYERS MINUTES EPOCHS NAME PROMPT LENGTH TEMPERATURE SEED\n           FORMAT QUANTIZE OUT ARGS\n"
	@echo "Example:   make train TEXT=my.txt CELL=gru MINUTES=2"

$(VENV)/created: Makefile
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "seqmagic needs Python 3.11 to 3.13; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 demo"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "this Python can't make virtual environments; install its venv package (Debian: python3-venv)"; exit 1; }
	@touch $@

$(VENV)/installed: $(VENV)/created pyproject.toml
	@echo "installing seqmagic into $(VENV) (TensorFlow is large; this is needed once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/tested: $(VENV)/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

opening = $(if $(filter python-docs,$(TEXT)),--prompt 'The ')

demo: $(VENV)/installed ## set up, train rnn, lstm and gru on a real text, put them side by side, write
	$(SEQMAGIC) compare $(TEXT) --cells rnn,lstm,gru --units 256 --layers 1 --minutes $(or $(MINUTES),1) $(opening) $(ARGS)
	@echo
	@echo "The best of them writes:"
	$(SEQMAGIC) sample best --length 500 --temperature 0.6 --seed 3 $(opening)

test: $(VENV)/tested ## install what tests need and run them
	$(BIN)/python -m pytest

test-slow: $(VENV)/tested ## the proofs that take minutes
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/tested ## ruff and the type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/tested ## the documentation as a site, in site/; any warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

pictures: $(VENV)/tested ## draw the pictures of the terminal again (five minutes; keep the machine quiet)
	$(BIN)/python docs/pictures.py $(ARGS)

notebooks: $(VENV)/tested ## run the notebooks in examples/ and keep their outputs (some minutes)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[notebooks]'
	$(BIN)/python examples/run.py

docs-cli: $(VENV)/installed ## write docs/cli.md again from the --help of every command
	$(BIN)/python docs/generate.py

dist: $(VENV)/created ## what is published, in dist/: built, looked into, installed and tried in clean environments
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check build twine
	$(BIN)/python packaging/dist.py $(ARGS)

train: $(VENV)/installed ## train on TEXT
	$(SEQMAGIC) train $(call quoted,$(TEXT)) $(call option,CELL,--cell) $(training)

compare: $(VENV)/installed ## rnn, lstm and gru side by side on TEXT
	$(SEQMAGIC) compare $(call quoted,$(TEXT)) $(call option,CELLS,--cells) $(training)

sample: $(VENV)/installed ## write with RUN
	$(SEQMAGIC) sample $(call quoted,$(RUN)) $(call option,PROMPT,--prompt) $(call option,LENGTH,--length) \
		$(call option,TEMPERATURE,--temperature) $(call option,SEED,--seed) $(ARGS)

evaluate: $(VENV)/installed ## the loss of RUN on its validation part, or on TEXT if given on the make line
	$(SEQMAGIC) evaluate $(call quoted,$(RUN)) $(if $(filter command line,$(origin TEXT)),$(call quoted,$(TEXT))) $(ARGS)

insight: $(VENV)/installed ## look inside RUNS (rnn gru lstm, which come with seqmagic): the walk of docs/insight.md
	$(SEQMAGIC) measure gradient $(RUNS)
	$(SEQMAGIC) measure memory $(RUNS)
	$(SEQMAGIC) measure closers $(RUNS)
	$(SEQMAGIC) inspect gates $(RUNS)
	$(SEQMAGIC) inspect errors $(RUNS)
	$(SEQMAGIC) report $(RUNS) --output '$(or $(OUT),report.html)' --quick

runs: $(VENV)/installed ## list what was trained
	$(SEQMAGIC) runs list

export: $(VENV)/installed ## make RUN work elsewhere: FORMAT, QUANTIZE, OUT
	$(SEQMAGIC) export $(call quoted,$(RUN)) '$(or $(OUT),exports/$(or $(FORMAT),savedmodel))' $(call option,FORMAT,--format) \
		$(call option,QUANTIZE,--quantize) $(ARGS)

# together under 5 MB: the recipe would choose wider ones for ten minutes
pretrained: $(VENV)/installed ## train again the three small runs that come with seqmagic (half an hour)
	for cell in rnn gru lstm; do \
		$(SEQMAGIC) train python-docs --cell $$cell --units 320 --minutes $(or $(MINUTES),10) $(ARGS) \
			--models models/pretrained --name $$cell --overwrite || exit; \
	done

bench: $(VENV)/installed ## the side-by-side benchmarks (some twenty minutes; keep the machine quiet)
	$(BIN)/python bench/train_speed.py $(ARGS)
	$(BIN)/python bench/sample_speed.py $(ARGS)
	$(BIN)/python bench/corpus_scale.py $(ARGS)

clean: ## remove the environment and caches; runs and texts stay
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
