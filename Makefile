# The two commands of the README, `make demo` and `make test`, and their parts. Needs Python 3.11, make and PyPI.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo
TAGGER := $(BIN)/tagger
# What `make bench` measures; the demo's own is made where it is not there yet.
DATA ?= $(DEMO)/catalog
MODEL ?= $(DEMO)/run/bundle
BENCH ?= $(DEMO)/bench
# The full TensorFlow is needed elsewhere than on Linux x86-64, where half the download is enough.
TRAIN := $(if $(filter Linux-x86_64,$(shell uname -sm | tr ' ' '-')),train-cpu,train)

.PHONY: demo bench test check format clean
.DELETE_ON_ERROR:

$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(TRAIN),fast,dev]'
	touch $@

demo: $(VENV)/installed
	rm -rf $(DEMO)
	$(TAGGER) sample $(DEMO)/catalog --products 1500 --seed 0
	$(TAGGER) sample $(DEMO)/new --products 12 --seed 99
	$(TAGGER) check $(DEMO)/catalog --out $(DEMO)/check
	$(TAGGER) train --config configs/demo.yaml --data $(DEMO)/catalog --out $(DEMO)/run
	$(TAGGER) evaluate --model $(DEMO)/run --data $(DEMO)/catalog --split test --out $(DEMO)/report
	$(TAGGER) tag $(DEMO)/new/images --model $(DEMO)/run --out $(DEMO)/tags.csv
	$(TAGGER) index $(DEMO)/catalog --model $(DEMO)/run --out $(DEMO)/index
	$(TAGGER) similar "$$(ls $(DEMO)/new/images/*.jpg | head -n 1)" --index $(DEMO)/index --contact-sheet $(DEMO)/similar.png
	@echo
	@echo "Report:            $(DEMO)/report/summary.md"
	@echo "Tags:              $(DEMO)/tags.csv"
	@echo "Similar products:  $(DEMO)/similar.png"

bench: $(VENV)/installed $(MODEL)
	$(BIN)/python -m benchmarks tag --short --model $(MODEL) --data $(DATA) --out $(BENCH)
	$(BIN)/python -m benchmarks startup --short --model $(MODEL) --data $(DATA) --out $(BENCH)
	$(BIN)/python -m benchmarks train --short --data $(DATA) --out $(BENCH)
	$(BIN)/python -m benchmarks search --short --out $(BENCH)
	@echo
	@echo "Benchmarks:        $(BENCH)/*.md"

$(DEMO)/run/bundle:
	$(MAKE) demo

test: check
	$(BIN)/python -m pytest -n 2 --dist loadscope

check: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
