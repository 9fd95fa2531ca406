# `make demo` shows rtloc at work, `make test` checks all of it. Each has a virtual environment of its own.

PYTHON ?= python3
VENV ?= .venv
DEV_VENV ?= .venv-dev
# the version that the tests are known to pass with; another one may be much larger to install
TORCH ?= torch==2.13.0
DEMO_VIDEO = out/pokemon.rtloc.mp4

.PHONY: demo test test-gpu perf lint format model clean

demo: $(VENV)/installed
	mkdir -p out
	$(VENV)/bin/rtloc video samples/pokemon.mp4 -o $(DEMO_VIDEO) --records out/pokemon.jsonl
	@echo "The annotated video: $(DEMO_VIDEO) (what was found: out/pokemon.jsonl)"

test: $(DEV_VENV)/installed lint
	$(DEV_VENV)/bin/python -m pytest --numprocesses auto

test-gpu: $(DEV_VENV)/installed
	$(DEV_VENV)/bin/python -m pytest -m gpu

# fails where locating has become much slower than a fixed network in the same run
perf: $(DEV_VENV)/installed
	$(DEV_VENV)/bin/python benchmarks/gate.py

lint: $(DEV_VENV)/installed
	$(DEV_VENV)/bin/ruff check
	$(DEV_VENV)/bin/ruff format --check
	$(DEV_VENV)/bin/mypy

# the shipped model, from nothing, in a day on two cores; see CONTRIBUTING.md
TRAIN = $(DEV_VENV)/bin/rtloc train --validate-every 2000 --hard-part 0
GO_ON = $(TRAIN) --depths 2 0 3 --learning-rate 1e-3
CLOSER = $(TRAIN) --weights runs/between16.pt --picture-size 448 --learning-rate 5e-4 --steps 2400
SILENT = $(TRAIN) --weights runs/between18.pt --picture-size 448 --learning-rate 1.5e-3 --batch-size 224 --hard-part 0.143 --steps 4973
SLOWLY = $(TRAIN) --picture-size 448 --learning-rate 6e-4 --hard-part 0.143 --steps 6400
AVERAGE = $(DEV_VENV)/bin/python -m train.average
EXPORT = $(DEV_VENV)/bin/rtloc export runs/pokemon.pt

model: $(DEV_VENV)/installed
	$(TRAIN) --depths 2 0 3 --steps 24000 --run runs/model0 -o runs/model0.onnx
	$(GO_ON) --weights runs/model0/best.pt --steps 8000 --seed 1 --run runs/model1 -o runs/model1.onnx
	$(GO_ON) --weights runs/model1/best.pt --steps 12000 --seed 2 --run runs/model2 -o runs/model2.onnx
	$(GO_ON) --weights runs/model2/best.pt --steps 8000 --seed 3 --run runs/model3 -o runs/model3.onnx
	$(AVERAGE) runs/model2/best.pt runs/model3/best.pt runs/between.pt --share 0.85 --share 0.15
	$(GO_ON) --weights runs/between.pt --steps 4000 --seed 4 --run runs/model4 -o runs/model4.onnx
	$(GO_ON) --weights runs/model4/best.pt --steps 13000 --seed 5 --run runs/model5 -o runs/model5.onnx
	$(GO_ON) --weights runs/model5/best.pt --learning-rate 5e-4 --steps 3600 --seed 6 --run runs/model6 -o runs/model6.onnx
	$(AVERAGE) runs/model5/best.pt runs/model6/best.pt runs/before.pt --share 0.6 --share 0.4
	$(GO_ON) --weights runs/before.pt --learning-rate 2e-3 --batch-size 128 --steps 6974 --seed 7 --run runs/model7 -o runs/model7.onnx
	$(GO_ON) --weights runs/model7/best.pt --learning-rate 5e-4 --steps 4000 --seed 8 --run runs/model8 -o runs/model8.onnx
	$(AVERAGE) runs/model7/best.pt runs/model8/best.pt runs/between8.pt --share 0.65 --share 0.35
	$(GO_ON) --weights runs/between8.pt --learning-rate 5e-4 --steps 2800 --seed 11 --run runs/model11 -o runs/model11.onnx
	$(AVERAGE) runs/between8.pt runs/model11/best.pt runs/shallow.pt --share 0.3 --share 0.7
	$(TRAIN) --weights runs/shallow.pt --learning-rate 1.5e-3 --steps 17000 --seed 12 --run runs/model12 -o runs/model12.onnx
	$(TRAIN) --weights runs/model12/best.pt --learning-rate 5e-4 --steps 2600 --seed 13 --run runs/model13 -o runs/model13.onnx
	$(AVERAGE) runs/model12/best.pt runs/model13/best.pt runs/between12.pt --share 0.75 --share 0.25
	$(TRAIN) --weights runs/between12.pt --learning-rate 4e-4 --steps 1300 --seed 14 --run runs/model14 -o runs/model14.onnx
	$(AVERAGE) runs/between12.pt runs/model14/best.pt runs/between14.pt --share 0.4 --share 0.6
	$(TRAIN) --weights runs/between14.pt --learning-rate 1.5e-3 --batch-size 96 --steps 8375 --seed 15 --run runs/model15 -o runs/model15.onnx
	$(TRAIN) --weights runs/model15/best.pt --learning-rate 4e-4 --steps 1500 --seed 16 --run runs/model16 -o runs/model16.onnx
	$(AVERAGE) runs/model15/best.pt runs/model16/best.pt runs/between16.pt --share 0.6 --share 0.4
	$(CLOSER) --seed 17 --run runs/model17 -o runs/model17.onnx
	$(CLOSER) --seed 18 --run runs/model18 -o runs/model18.onnx
	$(AVERAGE) runs/between16.pt runs/model17/best.pt runs/model18/best.pt runs/between18.pt --share 0.3 --share 0.35 --share 0.35 --keep-statistics
	$(SILENT) --seed 41 --run runs/model41 -o runs/model41.onnx
	$(SILENT) --seed 42 --run runs/model42 -o runs/model42.onnx
	$(AVERAGE) runs/model41/best.pt runs/model42/best.pt runs/between18.pt runs/between42.pt --share 3 --share 3 --share 2
	$(SLOWLY) --weights runs/between42.pt --seed 51 --run runs/model51 -o runs/model51.onnx
	$(AVERAGE) runs/between42.pt runs/model51/last.pt runs/between51.pt --share 1 --share 1 --keep-statistics
	$(SLOWLY) --weights runs/between51.pt --seed 61 --run runs/model61 -o runs/model61.onnx
	$(AVERAGE) runs/between51.pt runs/model61/last.pt runs/model42/best.pt runs/between61.pt --share 5 --share 3 --share 3 --keep-statistics
	$(SLOWLY) --weights runs/between61.pt --learning-rate 8e-4 --steps 6800 --seed 81 --run runs/model81 -o runs/model81.onnx
	$(AVERAGE) runs/model81/last.pt runs/between61.pt runs/model42/best.pt runs/between81.pt --share 5 --share 2 --share 2 --keep-statistics
	$(SLOWLY) --weights runs/between81.pt --learning-rate 8e-4 --steps 7600 --seed 101 --run runs/model101 -o runs/model101.onnx
	$(AVERAGE) runs/model101/last.pt runs/between81.pt runs/between101.pt --share 2 --share 3 --keep-statistics
	$(SLOWLY) --weights runs/between101.pt --learning-rate 8e-4 --steps 6200 --seed 111 --run runs/model111 -o runs/model111.onnx
	$(AVERAGE) runs/model111/last.pt runs/between101.pt runs/model42/best.pt runs/between111.pt --share 4 --share 5 --share 2 --keep-statistics
	$(SLOWLY) --weights runs/between111.pt --learning-rate 8e-4 --steps 7200 --seed 121 --run runs/model121 -o runs/model121.onnx
	$(AVERAGE) runs/between111.pt runs/model121/last.pt runs/between121.pt --keep-statistics
	$(SLOWLY) --weights runs/between121.pt --learning-rate 8e-4 --steps 6000 --seed 131 --run runs/model131 -o runs/model131.onnx
	$(AVERAGE) runs/between111.pt runs/model131/last.pt runs/between131.pt --keep-statistics
	$(SLOWLY) --weights runs/between131.pt --learning-rate 4e-4 --steps 1450 --seed 141 --run runs/model141 -o runs/model141.onnx
	$(AVERAGE) runs/between111.pt runs/model141/last.pt runs/between42.pt runs/between141.pt --share 3 --share 3 --share 1 --keep-statistics
	$(SLOWLY) --weights runs/between141.pt --learning-rate 8e-4 --steps 3400 --seed 161 --run runs/model161 -o runs/model161.onnx
	$(AVERAGE) runs/between141.pt runs/model161/last.pt runs/between161.pt --keep-statistics
	$(SLOWLY) --weights runs/between161.pt --learning-rate 4e-4 --steps 1450 --seed 181 --run runs/model181 -o runs/model181.onnx
	$(AVERAGE) runs/between141.pt runs/model161/last.pt runs/model181/last.pt runs/between42.pt runs/pokemon.pt --share 5 --share 1 --share 3 --share 1 --keep-statistics
	$(EXPORT) --precision int8 -o engines/models/pokemon.onnx
	$(EXPORT) --precision fp16 -o engines/models/pokemon-fp16.onnx
	$(EXPORT) --precision fp32 -o engines/models/pokemon-fp32.onnx

format: $(DEV_VENV)/installed
	$(DEV_VENV)/bin/ruff check --fix
	$(DEV_VENV)/bin/ruff format

$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable .
	touch $@

$(DEV_VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(DEV_VENV)
	$(DEV_VENV)/bin/python -m pip install --quiet --upgrade pip
	$(DEV_VENV)/bin/python -m pip install --quiet "$(TORCH)"
	$(DEV_VENV)/bin/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(DEV_VENV) out build *.egg-info
