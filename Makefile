# Every target sets up what it needs: `make test` works in a fresh clone with Python >= 3.11 and nothing else.
# Another interpreter: make PYTHON=python3.12 test

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test lint format doc benchmark benchmark-full benchmark-elicitation clean

help:
	@echo "make demo     fit the influenza example, print its tables and draw its picture"
	@echo "make test     run all tests and doctests; ARGS is passed on: make test ARGS='-m \"not slow\"'"
	@echo "make install  set up $(VENV) (the other targets do this by themselves)"
	@echo "make lint     ruff, import floors, docstring sections, types"
	@echo "make format   let ruff sort imports and lay out the code"
	@echo "make doc      build the documentation into doc/_build/html"
	@echo "make benchmark       compare with sbi and BayesFlow, each in an environment of its own; about 20 minutes"
	@echo "make benchmark-full  the same for all tasks and methods, hours; ARGS is passed on: ARGS='--seeds 0 1 2'"
	@echo "make benchmark-elicitation  elicit priors beside elicito; 20 minutes a seed"
	@echo "make clean    remove caches and built documentation; $(VENV) stays"

install: $(READY)

# The marker is written last, so an interrupted set-up is taken up again; a change of one of these files repeats it.
# torch comes first and by its pinned version, so that nothing that needs torch can choose another one.
$(READY): pyproject.toml constraints.txt skabi/networks/_spline_kernels.cpp
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "skabi needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1)."; \
		echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		echo "Setting up $(VENV), once; this takes a few minutes."; $(PYTHON) -m venv $(VENV); }
	$(PIP) install "$$(grep '^torch==' constraints.txt)"
	$(PIP) install -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(READY)
	MPLBACKEND=Agg $(BIN)/python doc/examples/estimators/plot_influenza.py

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/numpydoc lint $$(find skabi -name '*.py')
	$(BIN)/lint-imports
	$(BIN)/python -m mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

doc: $(READY)
	$(BIN)/python -m sphinx -W --keep-going -b html doc doc/_build/html
	@echo "Open doc/_build/html/index.html"

# Peers are pinned in benchmarks/peers/*.txt; each environment is set up once, and again when its file changes.
PEERS := benchmarks/peers
PEERS_READY := $(foreach name,sbi bayesflow numpyro sbibm,$(PEERS)/.venv-$(name)/.ready)

benchmark: $(READY) $(PEERS_READY)
	$(BIN)/python benchmarks/side_by_side.py $(ARGS)

benchmark-full: $(READY) $(PEERS_READY)
	$(BIN)/python benchmarks/side_by_side.py --full $(ARGS)

benchmark-elicitation: $(READY) $(PEERS)/.venv-elicito/.ready
	$(BIN)/python benchmarks/elicitation.py --peer elicito $(ARGS)

$(PEERS)/.venv-sbi/.ready: $(PEERS)/sbi.txt | $(READY)
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check install -r $<
	@touch $@

# Sets the shell's $python to Python 3.12, under its own name or among pyenv's; to nothing where there is none.
define FIND_PYTHON_3.12
for python in $(PYTHON) python3.12 "$$HOME"/.pyenv/versions/3.12.*/bin/python; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; then break; fi; \
		python=; \
	done
endef

# BayesFlow 2.1 needs Python 3.12; without one an earlier BayesFlow has to do.
$(PEERS)/.venv-bayesflow/.ready: $(PEERS)/bayesflow.txt $(PEERS)/bayesflow-python3.11.txt | $(READY)
	@$(FIND_PYTHON_3.12); \
	if [ -n "$$python" ]; then pins=bayesflow.txt; else pins=bayesflow-python3.11.txt; python=$(PYTHON); fi; \
	echo "BayesFlow: $$("$$python" --version), $$pins"; \
	"$$python" -m venv --clear $(@D) && \
	$(@D)/bin/python -m pip --disable-pip-version-check install -r $(PEERS)/$$pins
	@touch $@

# NumPyro and elicito take either Python; NumPyro has a JAX of its own for each.
$(PEERS)/.venv-numpyro/.ready $(PEERS)/.venv-elicito/.ready: $(PEERS)/.venv-%/.ready: $(PEERS)/%.txt | $(READY)
	@$(FIND_PYTHON_3.12); \
	"$${python:-$(PYTHON)}" -m venv --clear $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check install -r $<
	@touch $@

$(PEERS)/.venv-sbibm/.ready: $(PEERS)/sbibm.txt | $(READY)
	$(PIP) install --no-deps --target $(@D) -r $<
	@touch $@

clean:
	rm -rf build *.egg-info .coverage htmlcov .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	rm -rf doc/_build doc/auto_examples doc/generated doc/sg_execution_times.rst
	find skabi tests doc -name __pycache__ -type d -prune -exec rm -rf {} +
