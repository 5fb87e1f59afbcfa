# The course's commands. GNU make and Python 3.11 or newer are all they need; everything else goes into .venv.
PYTHON ?= python3
SOAK_MINUTES ?= 10
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# make lab TORCH=cpu: on Linux without a GPU this spares gigabytes of CUDA.
ifeq ($(TORCH),cpu)
PIP_INSTALL += --extra-index-url https://download.pytorch.org/whl/cpu
endif

.PHONY: lab present test lint unit-tests fault-tests soak coverage claims gpu-tests notebook-tests browser-tests slide-tests notebooks bench bench-gpu

# Open the course in JupyterLab. (Who is root is in a container, where there is no other user.)
lab: .venv/lab-installed
	$(BIN)/python -m jupyterlab --notebook-dir=notebooks --allow-root

# make present NOTEBOOK=02: a notebook as slides, with everything on them run. Elsewhere: python -m tools.present 02
present: .venv/lab-installed
	$(BIN)/python -m tools.present $(NOTEBOOK)

# Everything, what fails quickest first. The browser tests come last and run alone: they measure.
test: lint unit-tests fault-tests claims gpu-tests notebook-tests browser-tests

lint: .venv/test-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tools.notebooks check

unit-tests: .venv/test-installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 tests/unit tests/house tests/install

# What is promised when something goes wrong: damaged and hostile files, interrupts, full disks, broken caches.
fault-tests: .venv/test-installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --durations=5 tests/faults

# Long runs, SOAK_MINUTES each (10 by default); not in `make test`.
soak: .venv/test-installed
	SOAK_MINUTES=$(SOAK_MINUTES) OMP_NUM_THREADS=1 $(BIN)/pytest -s tests/soak

# Not with the checks: they have a trace function of their own, and with that of coverage they take minutes.
coverage: .venv/test-installed
	$(BIN)/pytest -n 2 --cov=rnnlib tests/unit --ignore-glob='*test_checks_*' --ignore-glob='*test_grade*'

# What the notebooks say of runs, over several seeds.
claims: .venv/test-installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --durations=5 tests/claims

# The GPU path, on GPUs that are not there; each kind changes torch for its process.
gpu-tests: .venv/test-installed
	$(BIN)/pytest tests/gpu --gpu=mps & mps=$$!; $(BIN)/pytest tests/gpu --gpu=cuda && wait $$mps

# --dist loadscope: the cells of a notebook stay together, in one process.  One thread for each of the two notebooks that
# run side by side: OpenMP's threads spin while they wait, and four on two cores took 20 times as long as two.
# tools.stored_numbers compares what is stored, outputs and numbers in the texts, with what it runs anyway.
notebook-tests: .venv/test-installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope -p tools.stored_numbers --nbval-lax --nbval-cell-timeout=600 notebooks/*.ipynb

browser-tests: .venv/test-installed
	$(BIN)/pytest tests/browser --ignore=tests/browser/test_slides.py

# Every slide of every notebook at two sizes. It runs all notebooks once more, so it is not in `make test`.
slide-tests: .venv/test-installed
	$(BIN)/pytest tests/browser/test_slides.py

# Execute notebooks/src/*.py into notebooks/*.ipynb.
notebooks: .venv/test-installed
	$(BIN)/python -m tools.notebooks build

bench: .venv/test-installed
	$(BIN)/python -m bench

# On a machine with a CUDA GPU: the tests on the real one, then the figures for bench/RESULTS.md.
bench-gpu: .venv/test-installed
	$(BIN)/pytest tests/gpu --gpu=real
	$(BIN)/python -m bench.gpu

.venv/lab-installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("This course needs Python 3.11 or newer; \
	$(PYTHON) is %d.%d. Name a newer one: make lab PYTHON=python3.13" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(PIP_INSTALL) --editable '.[lab]'
	@# An editable installation names this folder by its whole path. Named from within, it may be moved: to a stick, say.
	$(BIN)/python -c 'import os, sysconfig; site = sysconfig.get_path("purelib"); \
	open(os.path.join(site, "rnnlib-here.pth"), "w").write(os.path.relpath(".", site) + "\n")'
	$(BIN)/python -c 'from rnnlib import engine; engine.compile_loops()'
	touch $@

.venv/test-installed: .venv/lab-installed
	$(PIP_INSTALL) --editable '.[lab,test]'
	touch $@
