# `make demo` and `make test` do everything on a fresh machine: each creates the environment it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# torch goes in by itself and first: so pip takes the build that is at hand, and the extras then find it installed.
TORCH ?= torch==2.13.0

.PHONY: demo test check format clean

demo: $(VENV)/.base
	$(BIN)/entx demo

# Two test processes on two cores: more threads in each would wait for one another.
test: $(STAMP) check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/.base: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[llm]'
	touch $@

# opencv-contrib (paddleocr's) and opencv-headless (rapidocr's) unpack into one folder; the headless one must come last,
# because the other needs libGL, which a server rarely has.
$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[ensemble,llm,paddle,ray,dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps opencv-python-headless==4.10.0.84
	touch $(VENV)/.base $@

clean:
	rm -rf $(VENV) demo-out
