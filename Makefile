# make demo and make test do all set-up by themselves: they create .venv/ from requirements.lock and reuse it.
#
# On Linux, PyPI's torch brings gigabytes of CUDA libraries. To avoid them, give the address of PyTorch's own CPU
# package index (pytorch.org, "Get Started", Linux / Pip / CPU shows it):  make demo TORCH_INDEX=<address>

PYTHON ?= python3.11
TORCH_INDEX ?=
# Processes that share the tests out, one thread each.
WORKERS ?= 2
# Where make install puts a link to the command.
LINKS ?= $(HOME)/.local/bin
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# It asks for torchvision, and needs that for the operators of detectors alone; PyPI's refuses a torch built for the CPU.
WITHOUT_TORCHVISION := onnx2torch==1.5.15

SHARED_OUT := --numprocesses $(WORKERS)

.DEFAULT_GOAL := help
.PHONY: help demo install test test-all test-shuffled coverage check docs bench conformance lock clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16
	@echo
	@echo "The command itself: make install, or in one shell: source $(BIN)/activate; then segport run, segport --help"

# The marker appears only after everything is installed, so an interrupted set-up starts over.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "segport needs Python 3.11; give its path: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 3; }
	@echo "Creating $(VENV) (about 4 GB; one to three minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock \
		$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps $(WITHOUT_TORCHVISION)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)  ## quantize, convert, run and report the shipped FP-LIIF into runs/demo
	$(BIN)/segport run --out runs/demo
	@echo
	@echo "To type segport yourself: source $(BIN)/activate   (for every shell: make install)"

install: $(READY)  ## link the segport command into ~/.local/bin (or LINKS=FOLDER), so that every shell finds it
	@mkdir -p "$(LINKS)"
	@test ! -e "$(LINKS)/segport" -o -L "$(LINKS)/segport" \
		|| { echo "$(LINKS)/segport is there and is no link; move it away, or give another folder: make install LINKS=FOLDER"; exit 2; }
	@ln -sfn "$(CURDIR)/$(BIN)/segport" "$(LINKS)/segport"
	@case ":$$PATH:" in \
		*":$(LINKS):"*) echo "segport is on PATH, in $(LINKS): segport --help" ;; \
		*) echo "$(LINKS)/segport is there, but $(LINKS) is not on PATH; add it: export PATH=\"$(LINKS):\$$PATH\"" ;; \
	esac

test: $(READY)  ## the tests that CI runs
	$(BIN)/python -m pytest -m "not slow" $(SHARED_OUT)

test-all: $(READY)  ## the tests, slow ones included, every process from a cold start
	SEGPORT_TESTS_COLD=1 $(BIN)/python -m pytest $(SHARED_OUT)

test-shuffled: $(READY)  ## the tests that CI runs, in an order of chance, which pytest prints
	$(BIN)/python -m pytest -m "not slow" $(SHARED_OUT) --random-order

coverage: $(READY)  ## the tests that CI runs, and which lines they reach; fails below the floor in pyproject.toml
	$(BIN)/python -m pytest -m "not slow" $(SHARED_OUT) --cov --cov-report=term:skip-covered

check: $(READY)  ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY)  ## the documentation site, into site/index.html
	$(BIN)/python -m mkdocs build --quiet --strict

bench: $(READY)  ## comparisons with public peers, printed as ratios
	$(BIN)/python -m benchmarks

conformance: $(READY)  ## all of coremltools' own op tests through milrun (hours); totals go to docs/measured/conformance.md
	$(BIN)/python -m tests.conformance

lock: $(READY)  ## write requirements.lock from what is installed
	@{ sed -n '/^#/p' requirements.lock; $(BIN)/pip freeze --all --exclude-editable | grep -vE '^(pip|onnx2torch)=' | sed 's/+cpu//'; } > requirements.lock.new
	@mv requirements.lock.new requirements.lock

clean:  ## delete the environment and caches (runs/ is kept)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build *.egg-info
