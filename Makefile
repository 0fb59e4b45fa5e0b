# Everything a checkout needs, starting from an empty clone. `make help` lists the targets.
#
# Only python3 (3.11 to 3.13), make and a package index are needed. The first target that needs
# packages sets up .venv. Its stamps depend on requirements.txt and pyproject.toml, so that the next
# make installs a change there. An interrupted set-up starts over.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
SCANS ?= 30
DEMO := demo
# The whole suite runs in two processes; tests selected by ARGS run in one.
WORKERS := $(if $(ARGS),,-n 2 --dist loadfile)

.DEFAULT_GOAL := help
.PHONY: help demo models coarse instances panoptic mr naming verse spider test bench gpu harden lint format clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */\1|/' | \
	  while IFS='|' read -r target text; do printf '  make %-9s %s\n' "$$target" "$$text"; done

demo: $(VENV)/.ready-demo  ## the shipped models on a phantom CT and MR, then samples, training and measuring on phantoms
	$(call heading,1 of 6: a phantom CT and a phantom MR through the shipped models)
	$(RUN) measure.py phantom:1:lumbar:seed=1 --output $(DEMO)/first_ct
	$(RUN) measure.py phantom:1:lumbar:mr-t2:seed=1 --output $(DEMO)/first_mr
	@echo "Reports: $(DEMO)/first_ct/report.html and $(DEMO)/first_mr/report.html"
	$(call heading,2 of 6: phantom scans for measuring)
	$(RUN) -m utility_functions.phantom $(DEMO)/dataset --scans $(SCANS) --seed 1 --region usual --split testing
	$(call heading,3 of 6: samples of other phantoms)
	$(RUN) generate_samples.py detection phantom:160:usual $(DEMO)/detection_training.h5 --preset small --target parts --samples-per-scan 8 --seed 2
	$(RUN) generate_samples.py detection phantom:24:usual $(DEMO)/detection_validation.h5 --preset small --target parts --samples-per-scan 8 --seed 3
	$(RUN) generate_samples.py identification phantom:480:usual $(DEMO)/identification_training.h5 --preset small --samples-per-scan 8 --seed 2
	$(RUN) generate_samples.py identification phantom:24:usual $(DEMO)/identification_validation.h5 --preset small --samples-per-scan 16 --seed 3
	$(call heading,4 of 6: training detection)
	$(RUN) train.py $(DEMO)/detection_training.h5 $(DEMO)/detection_validation.h5 $(DEMO)/detection.h5
	$(call heading,5 of 6: training identification)
	$(RUN) train.py $(DEMO)/identification_training.h5 $(DEMO)/identification_validation.h5 $(DEMO)/identification.h5 --augment none --epochs 15
	$(call heading,6 of 6: measuring the scans)
	$(RUN) measure.py $(DEMO)/dataset $(DEMO)/detection.h5 $(DEMO)/identification.h5 --split testing --output $(DEMO)/results

MODELS := models
DETECTION_SCANS ?= 800
IDENTIFICATION_SCANS ?= 2000

models: $(VENV)/.ready-demo  ## train detection and identification on streamed phantoms, into models/ (hours; resumes)
	$(call heading,1 of 4: samples)
	@mkdir -p $(MODELS)
	$(call samples,detection,validation,60,1004)
	$(call samples,detection,training,$(DETECTION_SCANS),1003)
	$(call samples,detection,more,$(DETECTION_SCANS),1005)
	$(call samples,detection,last,$(DETECTION_SCANS),1009)
	$(call samples,identification,validation,60,1002)
	$(call samples,identification,training,$(IDENTIFICATION_SCANS),1001)
	$(call heading,2 of 4: training detection (three times, on different phantoms))
	$(RUN) train.py $(call of,detection,training_$(DETECTION_SCANS),_first) --resume
	$(RUN) train.py $(call of,detection,more_$(DETECTION_SCANS),_second) --start-from $(MODELS)/detection_first.h5 --epochs 1 --learning-rate 1e-3 --seed 2 --resume
	$(RUN) train.py $(call of,detection,last_$(DETECTION_SCANS)) --start-from $(MODELS)/detection_second.h5 --epochs 1 --learning-rate 1e-3 --seed 3 --resume
	$(call heading,3 of 4: training identification)
	$(RUN) train.py $(call of,identification,training_$(IDENTIFICATION_SCANS)) --resume
	$(call heading,4 of 4: measuring other phantoms)
	$(RUN) measure.py phantom:30:seed=900 $(MODELS)/detection.h5 $(MODELS)/identification.h5 --output $(MODELS)/results

coarse: MODELS := $(MODELS)/coarse
COARSE_SCANS ?= 400
COARSE_MORE ?= 700
COARSE := spine_heatmap vertebra_heatmaps vertebra_masks
CHAIN = $(COARSE:%=$(MODELS)/%.h5)

coarse: $(VENV)/.ready-demo  ## train the coarse-to-fine models (preset small) on streamed phantoms, into models/coarse (hours; resumes)
	$(call heading,1 of 5: samples)
	@mkdir -p $(MODELS)
	$(call samples,spine_heatmap,validation,40,1202,small)
	$(call samples,spine_heatmap,training,$(COARSE_SCANS),1201,small)
	$(call samples,vertebra_heatmaps,validation,40,1202,small)
	$(call samples,vertebra_heatmaps,training,$(COARSE_SCANS),1201,small)
	$(call samples,vertebra_masks,validation,40,1202,small)
	$(call samples,vertebra_masks,training,$(COARSE_SCANS),1201,small)
	$(call heading,2 of 5: training the heatmap of the spine)
	$(RUN) train.py $(call stage,spine_heatmap) --epochs 3 --resume
	$(call heading,3 of 5: training the heatmaps of landmarks (twice, on different phantoms))
	$(RUN) train.py $(call stage,vertebra_heatmaps,_first) --resume
	$(call samples,vertebra_heatmaps,more,$(COARSE_SCANS),1203,small)
	$(RUN) train.py $(call stage,vertebra_heatmaps,,more) --start-from $(MODELS)/vertebra_heatmaps_first.h5 --seed 2 --resume
	$(call heading,4 of 5: training masks at landmarks)
	$(RUN) train.py $(call stage,vertebra_masks,_first) --start-from saved_models/detection.h5 --epochs 2 --learning-rate 1e-3 --resume
	$(RUN) train.py $(call stage,vertebra_masks,_second) --start-from $(MODELS)/vertebra_masks_first.h5 --epochs 1 --learning-rate 1e-3 --seed 2 --resume
	$(call samples,vertebra_masks,more,$(COARSE_MORE),1205,small)
	$(RUN) train.py $(call stage,vertebra_masks,_third,more,$(COARSE_MORE)) --start-from $(MODELS)/vertebra_masks_second.h5 --epochs 1 --learning-rate 1e-3 --seed 3 --resume
	$(call samples,vertebra_masks,most,$(COARSE_MORE),1206,small)
	$(RUN) train.py $(call stage,vertebra_masks,,most,$(COARSE_MORE)) --start-from $(MODELS)/vertebra_masks_third.h5 --epochs 1 --learning-rate 1e-3 --seed 4 --resume
	$(call heading,5 of 5: measuring other phantoms)
	$(RUN) measure.py phantom:30:seed=900 $(CHAIN) --output $(MODELS)/results

INSTANCES_SCANS ?= 700
INSTANCES_MORE ?= 800
INSTANCES_MOST ?= 1500
INSTANCES_LAST ?= 1200

instances: $(VENV)/.ready-demo  ## train the instances model on streamed phantoms, into models/ (hours; resumes)
	@mkdir -p $(MODELS)
	$(call samples,instances,validation,40,1302)
	$(call samples,instances,training,$(INSTANCES_SCANS),1301)
	$(RUN) train.py $(call instances,training_$(INSTANCES_SCANS),_first) --start-from saved_models/detection.h5 --epochs 2 --resume
	$(call samples,instances,more,$(INSTANCES_MORE),1303,shipped,--samples-per-scan 4)
	$(RUN) train.py $(call instances,more_$(INSTANCES_MORE),_second) --start-from $(MODELS)/instances_first.h5 --epochs 3 --seed 2 --resume
	$(call samples,instances,most,$(INSTANCES_MOST),1305,shipped,--samples-per-scan 4)
	$(RUN) train.py $(call instances,most_$(INSTANCES_MOST),_third) --start-from $(MODELS)/instances_second.h5 --augment standard --epochs 4 --seed 3 --resume
	$(RUN) train.py $(call instances,more_$(INSTANCES_MORE),_fourth) --start-from $(MODELS)/instances_third.h5 --augment standard --epochs 3 --learning-rate 7e-4 --seed 4 --resume
	$(call samples,instances,last,$(INSTANCES_LAST),1307,shipped,--samples-per-scan 4)
	$(RUN) train.py $(call instances,last_$(INSTANCES_LAST),_segmenter) --start-from $(MODELS)/instances_fourth.h5 --augment standard --epochs 3 --learning-rate 8e-4 --seed 6 --resume
	$(RUN) -m learning_functions.training.warm_start.merging $(MODELS)/instances_segmenter.h5 saved_models/vertebra_masks.h5 $(MODELS)/instances.h5
	$(RUN) measure.py phantom:30:seed=900 saved_models/detection.h5 saved_models/identification.h5 $(MODELS)/instances.h5 --output $(MODELS)/results_of_instances

PANOPTIC_SCANS ?= 260
PANOPTIC_MORE ?= 280
PANOPTIC_LAST ?= 180

panoptic: $(VENV)/.ready-demo  ## train the panoptic model on streamed phantoms, into models/ (hours; resumes)
	@mkdir -p $(MODELS)
	$(call samples,panoptic,validation,30,1702)
	$(call samples,panoptic,training,$(PANOPTIC_SCANS),1701)
	$(RUN) train.py $(call panoptic,training_$(PANOPTIC_SCANS),_first) --start-from saved_models/detection.h5 --augment standard --learning-rate 1.5e-3 --epochs 1 --resume
	$(RUN) train.py $(call panoptic,training_$(PANOPTIC_SCANS),_second) --start-from $(MODELS)/panoptic_first.h5 --augment standard --learning-rate 1e-3 --epochs 1 --seed 2 --resume
	$(call samples,panoptic,more,$(PANOPTIC_MORE),1711)
	$(RUN) train.py $(call panoptic,more_$(PANOPTIC_MORE),_third) --start-from $(MODELS)/panoptic_second.h5 --augment standard --learning-rate 1.5e-3 --epochs 1 --seed 3 --resume
	$(call samples,panoptic,last,$(PANOPTIC_LAST),1715)
	$(RUN) train.py $(call panoptic,last_$(PANOPTIC_LAST),) --start-from $(MODELS)/panoptic_third.h5 --augment standard --learning-rate 1.5e-3 --epochs 1 --seed 4 --resume
	$(RUN) measure.py phantom:30:seed=900 saved_models/detection.h5 saved_models/identification.h5 $(MODELS)/panoptic.h5 --output $(MODELS)/results_of_panoptic

MR_SCANS ?= 120
MR_LAST ?= 100

mr: $(VENV)/.ready-demo  ## train the panoptic model for MR on streamed phantoms, into models/ (hours; resumes)
	@mkdir -p $(MODELS)
	$(call mr_samples,validation,12,2702,6)
	$(call mr_samples,training,$(MR_SCANS),2711,8)
	$(call mr_samples,more,$(MR_SCANS),2713,8)
	$(RUN) train.py $(call mr,training,_first) --start-from saved_models/panoptic.h5 --layers-that-fit --augment standard --learning-rate 1.5e-3 --epochs 1 --resume
	$(RUN) train.py $(call mr,training,_second) --start-from $(MODELS)/panoptic_mr_first.h5 --augment standard --learning-rate 1e-3 --epochs 1 --seed 2 --resume
	$(RUN) train.py $(call mr,more,_third) --start-from $(MODELS)/panoptic_mr_second.h5 --augment standard --learning-rate 1e-3 --epochs 1 --seed 3 --resume
	$(call mr_samples,last,$(MR_LAST),2715,8)
	$(RUN) train.py $(call mr,last,_fourth) --start-from $(MODELS)/panoptic_mr_third.h5 --augment synth --learning-rate 1.2e-3 --epochs 1 --seed 5 --resume
	$(RUN) -m learning_functions.training.warm_start.averaging $(MODELS)/panoptic_mr_third.h5 $(MODELS)/panoptic_mr_fourth.h5 --output $(MODELS)/panoptic_mr_mean.h5
	$(RUN) train.py $(call mr,last,_fifth) --start-from $(MODELS)/panoptic_mr_mean.h5 --augment synth --learning-rate 1e-3 --epochs 1 --seed 7 --resume
	$(RUN) -m learning_functions.training.warm_start.averaging $(MODELS)/panoptic_mr_mean.h5 $(MODELS)/panoptic_mr_fifth.h5 --output $(MODELS)/panoptic_mr_mean_of_five.h5
	$(call mr_samples,others,$(MR_SCANS),2717,8)
	$(RUN) train.py $(call mr,others,_sixth) --start-from $(MODELS)/panoptic_mr_mean_of_five.h5 --augment synth --learning-rate 1e-3 --epochs 1 --seed 9 --resume
	$(RUN) -m learning_functions.training.warm_start.averaging $(MODELS)/panoptic_mr_mean_of_five.h5 $(MODELS)/panoptic_mr_sixth.h5 --output $(MODELS)/panoptic_mr.h5
	$(RUN) measure.py phantom:30:mr:seed=900 $(MODELS)/panoptic_mr.h5 --output $(MODELS)/results_of_mr

VID ?= vid
VID_BY := Keypoints: VID, ImFusion (Buergin et al. 2023), CC BY-SA 4.0.

naming: $(VENV)/.ready-demo  ## train the naming model on keypoints (VID=folder of predictions and truth), into models/
	@mkdir -p $(MODELS)
	$(RUN) generate_samples.py naming $(VID) $(call named,training) --preset shipped --hold-out 0.15 --part training --skip-errors
	$(RUN) generate_samples.py naming $(VID) $(call named,validation) --preset shipped --hold-out 0.15 --part validation --skip-errors
	$(RUN) train.py $(call named,training) $(call named,validation) $(MODELS)/naming.h5 --resume --about "$(VID_BY)"

VERSE ?= verse19
SYSTEMS ?=

verse: $(VENV)/.ready-datasets  ## download VerSe (VERSE=verse19 or verse20), train the published presets, measure its test split (days, GPU)
	$(RUN) -m experiments public_training $(VERSE) $(if $(SYSTEMS),--systems $(SYSTEMS)) $(ARGS)

spider: $(VENV)/.ready-datasets  ## download SPIDER, train the published presets, measure its validation split (days, GPU)
	$(RUN) -m experiments public_training spider $(if $(SYSTEMS),--systems $(SYSTEMS)) $(ARGS)

test: $(VENV)/.ready-test  ## all tests, with ruff, mypy and the import contract (ARGS="-k grid" for a selection)
	@$(RUN) -m pytest $(WORKERS) $(ARGS)

bench: $(VENV)/.ready-demo  ## all benchmarks, each against its reference in the same run
	@$(RUN) -m benchmarks $(ARGS)

gpu: $(VENV)/.ready-test $(if $(shell command -v nvidia-smi),$(VENV)/.ready-gpu)  ## on a machine with GPUs: their tests, then the table of docs/results/gpu.md
	@$(RUN) -m experiments gpu_figures $(ARGS)

harden: $(VENV)/.ready-test  ## break inputs, runs and disks, and write docs/results/hardening.md (more than an hour; ARGS="--inputs 500")
	@$(RUN) -m hardening --write $(ARGS)

lint: $(VENV)/.ready-test  ## ruff, mypy and the import contract
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.ready-test  ## format the code
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

clean:  ## remove the demo and all caches; .venv and models/ stay
	rm -rf $(DEMO) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

# ---------------------------------------------------------------------------------------------------------------------

# Arguments: task, split, number of scans, seed, preset (default: shipped), further options. Existing files are kept, so
# that an interrupted run resumes.
samples = @[ -e $(MODELS)/$(1)_$(2)_$(3).h5 ] || $(RUN) generate_samples.py $(1) phantom:$(3) $(MODELS)/$(1)_$(2)_$(3).h5 --preset $(or $(5),shipped) $(6) --seed $(4) --compression lzf || { rm -f $(MODELS)/$(1)_$(2)_$(3).h5; exit 2; }

# Arguments: task, samples, suffix of the model's name.
of = $(MODELS)/$(1)_$(2).h5 $(MODELS)/$(1)_validation_60.h5 $(MODELS)/$(1)$(3).h5

# Arguments: task, suffix of the model's name, samples (default: training), number of scans.
stage = $(MODELS)/$(1)_$(or $(3),training)_$(or $(4),$(COARSE_SCANS)).h5 $(MODELS)/$(1)_validation_40.h5 $(MODELS)/$(1)$(2).h5

instances = $(MODELS)/instances_$(1).h5 $(MODELS)/instances_validation_40.h5 $(MODELS)/instances$(2).h5

# Arguments: samples, suffix of the model's name.
panoptic = $(MODELS)/panoptic_$(1).h5 $(MODELS)/panoptic_validation_30.h5 $(MODELS)/panoptic$(2).h5

# Arguments: split, number of scans, seed, samples of each.
mr_samples = @[ -e $(MODELS)/panoptic_mr_$(1).h5 ] || $(RUN) generate_samples.py panoptic phantom:$(2):mr $(MODELS)/panoptic_mr_$(1).h5 --preset mr --samples-per-scan $(4) --seed $(3) --compression lzf || { rm -f $(MODELS)/panoptic_mr_$(1).h5; exit 2; }

# Arguments: samples, suffix of the model's name.
mr = $(MODELS)/panoptic_mr_$(1).h5 $(MODELS)/panoptic_mr_validation.h5 $(MODELS)/panoptic_mr$(2).h5

named = $(MODELS)/naming_$(1).h5

comma := ,
heading = @printf '\n== %s ==\n' "$(1)"

# Exit code 0 from a supported interpreter.
SUITABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
UNFINISHED := $(VENV)/.unfinished
PIP_INSTALL := $(RUN) -m pip install --disable-pip-version-check
# From pip's output, downloads and the final list of packages. Errors go to stderr unchanged.
REDUCED := grep --line-buffered -oE '^ *((Downloading|Using cached|Processing) [^ ]+(whl|gz)( \([^)]* [kMG]?B\))?|Installing collected.*)' || true
# Compiled files halve the import time of TensorFlow.
COMPILE := env -u PYTHONDONTWRITEBYTECODE $(RUN) -m compileall -q -j 0 $(VENV)/lib >/dev/null 2>&1 || true

# A pipe hides the exit code of pip, so that a file marks its success.
define install
	@{ $(PIP_INSTALL) $(1) && touch $(UNFINISHED).installed; } | { $(REDUCED); }
	@rm $(UNFINISHED).installed 2>/dev/null || { \
	  rm -f $(UNFINISHED); echo "The packages could not be installed: see pip's message above." >&2; exit 2; }
endef

define begin
	@if [ -e $(UNFINISHED) ]; then \
	  maker=$$(cat $(UNFINISHED)); \
	  if [ -n "$$maker" ] && kill -0 "$$maker" 2>/dev/null; then \
	    echo "Another make (process $$maker) is setting up $(VENV). Wait for it, or remove $(UNFINISHED) if that process has ended." >&2; exit 2; \
	  fi; \
	  echo "The last set-up of $(VENV) was interrupted. Starting over."; \
	  rm -rf $(VENV); \
	fi
	@$(RUN) -c '$(SUITABLE)' 2>/dev/null || { \
	  for python in "$(PYTHON)" python3.13 python3.12 python3.11 none; do \
	    [ "$$python" = none ] || ! "$$python" -c '$(SUITABLE)' >/dev/null 2>&1 || break; \
	  done; \
	  if [ "$$python" = none ]; then \
	    echo "Python 3.11, 3.12 or 3.13 with its venv module is needed: install one, or name it with make PYTHON=path. Received: $$($(PYTHON) --version 2>&1 | head -n 1)." >&2; exit 2; \
	  fi; \
	  echo "Setting up $(VENV) with $$("$$python" --version 2>&1). This takes a few minutes, once."; \
	  rm -rf $(VENV) && mkdir $(VENV) && echo $$PPID >$(UNFINISHED) && "$$python" -m venv $(VENV); \
	}
	@echo $$PPID >$(UNFINISHED)
	@$(RUN) -m pip --version >/dev/null 2>&1 || $(RUN) -m ensurepip --upgrade
endef

$(VENV)/.ready-demo: requirements.txt pyproject.toml
	$(begin)
	$(call install,-r requirements.txt)
	$(call install,--no-deps -e .)
	@echo "Compiling the packages."
	@$(COMPILE)
	@rm $(UNFINISHED) && touch $@

$(VENV)/.ready-datasets: $(VENV)/.ready-demo
	$(begin)
	$(call install,-e ".[datasets]")
	@rm $(UNFINISHED) && touch $@

$(VENV)/.ready-test: $(VENV)/.ready-demo
	$(begin)
	$(call install,-e ".[dev]")
	@$(COMPILE)
	@rm $(UNFINISHED) && touch $@

$(VENV)/.ready-gpu: $(VENV)/.ready-test
	$(begin)
	$(call install,-e ".[gpu$(comma)dev]")
	@rm $(UNFINISHED) && touch $@
