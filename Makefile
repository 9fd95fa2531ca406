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

# the shipped model, from nothing, in nearly two days on two cores; see CONTRIBUTING.md
TRAIN = $(DEV_VENV)/bin/rtloc train --validate-every 2000 --hard-part 0
GO_ON = $(TRAIN) --depths 2 0 3 --learning-rate 1e-3
CLOSER = $(TRAIN) --weights runs/between16.pt --picture-size 448 --learning-rate 5e-4 --steps 2400
SILENT = $(TRAIN) --weights runs/between18.pt --picture-size 448 --learning-rate 1.5e-3 --batch-size 224 --hard-part 0.143 --steps 4973
SLOWLY = $(TRAIN) --picture-size 448 --learning-rate 6e-4 --hard-part 0.143 --steps 6400
FREELY = $(TRAIN) --picture-size 448 --learning-rate 1e-3 --hard-part 0.143 --steps 14000
HARDER = $(TRAIN) --picture-size 448 --learning-rate 5e-4 --hard-part 0.2
AVERAGE = $(DEV_VENV)/bin/python -m train.average
# What is finished is skipped, and a run that was stopped goes on. A run writes its model file last; an
# average gets its name when it is whole.
run = test -e runs/$1.onnx || $2 $$(test ! -e runs/$1/last.pt || echo --resume) --run runs/$1 -o runs/$1.onnx
average = test -e runs/$1.pt || { $(AVERAGE) $2 runs/$1.part.pt $3 && mv runs/$1.part.pt runs/$1.pt; }
EXPORT = $(DEV_VENV)/bin/rtloc export runs/pokemon.pt

model: $(DEV_VENV)/installed
	$(call run,model0,$(TRAIN) --depths 2 0 3 --steps 24000)
	$(call run,model1,$(GO_ON) --weights runs/model0/best.pt --steps 8000 --seed 1)
	$(call run,model2,$(GO_ON) --weights runs/model1/best.pt --steps 12000 --seed 2)
	$(call run,model3,$(GO_ON) --weights runs/model2/best.pt --steps 8000 --seed 3)
	$(call average,between,runs/model2/best.pt runs/model3/best.pt,--share 0.85 --share 0.15)
	$(call run,model4,$(GO_ON) --weights runs/between.pt --steps 4000 --seed 4)
	$(call run,model5,$(GO_ON) --weights runs/model4/best.pt --steps 13000 --seed 5)
	$(call run,model6,$(GO_ON) --weights runs/model5/best.pt --learning-rate 5e-4 --steps 3600 --seed 6)
	$(call average,before,runs/model5/best.pt runs/model6/best.pt,--share 0.6 --share 0.4)
	$(call run,model7,$(GO_ON) --weights runs/before.pt --learning-rate 2e-3 --batch-size 128 --steps 6974 --seed 7)
	$(call run,model8,$(GO_ON) --weights runs/model7/best.pt --learning-rate 5e-4 --steps 4000 --seed 8)
	$(call average,between8,runs/model7/best.pt runs/model8/best.pt,--share 0.65 --share 0.35)
	$(call run,model11,$(GO_ON) --weights runs/between8.pt --learning-rate 5e-4 --steps 2800 --seed 11)
	$(call average,shallow,runs/between8.pt runs/model11/best.pt,--share 0.3 --share 0.7)
	$(call run,model12,$(TRAIN) --weights runs/shallow.pt --learning-rate 1.5e-3 --steps 17000 --seed 12)
	$(call run,model13,$(TRAIN) --weights runs/model12/best.pt --learning-rate 5e-4 --steps 2600 --seed 13)
	$(call average,between12,runs/model12/best.pt runs/model13/best.pt,--share 0.75 --share 0.25)
	$(call run,model14,$(TRAIN) --weights runs/between12.pt --learning-rate 4e-4 --steps 1300 --seed 14)
	$(call average,between14,runs/between12.pt runs/model14/best.pt,--share 0.4 --share 0.6)
	$(call run,model15,$(TRAIN) --weights runs/between14.pt --learning-rate 1.5e-3 --batch-size 96 --steps 8375 --seed 15)
	$(call run,model16,$(TRAIN) --weights runs/model15/best.pt --learning-rate 4e-4 --steps 1500 --seed 16)
	$(call average,between16,runs/model15/best.pt runs/model16/best.pt,--share 0.6 --share 0.4)
	$(call run,model17,$(CLOSER) --seed 17)
	$(call run,model18,$(CLOSER) --seed 18)
	$(call average,between18,runs/between16.pt runs/model17/best.pt runs/model18/best.pt,--share 0.3 --share 0.35 --share 0.35 --keep-statistics)
	$(call run,model41,$(SILENT) --seed 41)
	$(call run,model42,$(SILENT) --seed 42)
	$(call average,between42,runs/model41/best.pt runs/model42/best.pt runs/between18.pt,--share 3 --share 3 --share 2)
	$(call run,model51,$(SLOWLY) --weights runs/between42.pt --seed 51)
	$(call average,between51,runs/between42.pt runs/model51/last.pt,--share 1 --share 1 --keep-statistics)
	$(call run,model61,$(SLOWLY) --weights runs/between51.pt --seed 61)
	$(call average,between61,runs/between51.pt runs/model61/last.pt runs/model42/best.pt,--share 5 --share 3 --share 3 --keep-statistics)
	$(call run,model81,$(SLOWLY) --weights runs/between61.pt --learning-rate 8e-4 --steps 6800 --seed 81)
	$(call average,between81,runs/model81/last.pt runs/between61.pt runs/model42/best.pt,--share 5 --share 2 --share 2 --keep-statistics)
	$(call run,model101,$(SLOWLY) --weights runs/between81.pt --learning-rate 8e-4 --steps 7600 --seed 101)
	$(call average,between101,runs/model101/last.pt runs/between81.pt,--share 2 --share 3 --keep-statistics)
	$(call run,model111,$(SLOWLY) --weights runs/between101.pt --learning-rate 8e-4 --steps 6200 --seed 111)
	$(call average,between111,runs/model111/last.pt runs/between101.pt runs/model42/best.pt,--share 4 --share 5 --share 2 --keep-statistics)
	$(call run,model121,$(SLOWLY) --weights runs/between111.pt --learning-rate 8e-4 --steps 7200 --seed 121)
	$(call average,between121,runs/between111.pt runs/model121/last.pt,--keep-statistics)
	$(call run,model131,$(SLOWLY) --weights runs/between121.pt --learning-rate 8e-4 --steps 6000 --seed 131)
	$(call average,between131,runs/between111.pt runs/model131/last.pt,--keep-statistics)
	$(call run,model141,$(SLOWLY) --weights runs/between131.pt --learning-rate 4e-4 --steps 1450 --seed 141)
	$(call average,between141,runs/between111.pt runs/model141/last.pt runs/between42.pt,--share 3 --share 3 --share 1 --keep-statistics)
	$(call run,model161,$(SLOWLY) --weights runs/between141.pt --learning-rate 8e-4 --steps 3400 --seed 161)
	$(call average,between161,runs/between141.pt runs/model161/last.pt,--keep-statistics)
	$(call run,model181,$(SLOWLY) --weights runs/between161.pt --learning-rate 4e-4 --steps 1450 --seed 181)
	$(call average,between181,runs/between141.pt runs/model161/last.pt runs/model181/last.pt runs/between42.pt,--share 5 --share 1 --share 3 --share 1 --keep-statistics)
	$(call run,model231,$(FREELY) --weights runs/between181.pt --seed 231)
	$(call run,model241,$(FREELY) --weights runs/model231/last.pt --seed 241)
	$(call run,model261,$(HARDER) --weights runs/model241/last.pt --learning-rate 1e-3 --steps 4000 --seed 261)
	$(call run,model262,$(HARDER) --weights runs/model241/last.pt --learning-rate 1e-3 --steps 4000 --seed 262)
	$(call average,between262,runs/between181.pt runs/model241/last.pt runs/model261/last.pt runs/model262/last.pt,--share 3 --share 1 --share 1 --share 1 --keep-statistics)
	$(call run,model271,$(HARDER) --weights runs/between262.pt --steps 2600 --seed 271)
	$(call average,between271,runs/between181.pt runs/model271/last.pt,--keep-statistics)
	$(call run,model281,$(HARDER) --weights runs/between271.pt --learning-rate 8e-4 --steps 5500 --seed 281)
	$(call average,between281,runs/between181.pt runs/model281/last.pt runs/model271/last.pt,--share 3 --share 3 --share 2 --keep-statistics)
	$(call run,model291,$(HARDER) --weights runs/between281.pt --steps 5000 --seed 291)
	$(call average,pokemon,runs/model291/last.pt runs/between181.pt,--share 3 --share 1 --keep-statistics)
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
