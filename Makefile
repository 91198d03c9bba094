# `make run` and `make test` install everything they need into .venv first. Works with GNU make 3.81 (macOS).
SHELL := /bin/bash
PYTHON ?= python3
# PyTorch: pinned (with CUDA on Linux) unless TORCH=cpu, or SYSTEM_TORCH=1 for the one that PYTHON has.
TORCH ?=
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
SYSTEM_TORCH ?=
CORES ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
# Empty: the study of config.yaml.
STUDY ?=
OF_STUDY = $(if $(STUDY),--study $(STUDY))
CONFIG_OF_STUDY = $(if $(STUDY),--config study=$(STUDY))
NAME = $(or $(STUDY),$(shell sed -n "s/^study: *['\"]*\([^'\" \#]*\).*/\1/p" config.yaml))
UPGRADE ?=
ORPHANS ?=
BIN := .venv/bin
# The solver that conda-lock calls in `make lock-conda`.
CONDA ?= conda

.DEFAULT_GOAL := help
.PHONY: help install build kills run midi reproduce report gallery test test-deps lint plan format lock lock-torch lock-conda docs benchmark attacks fuzz clean archive crate resume test-slurm simulate-slurm site-docs

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-16s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

install:  ## install the packages of envs/requirements.lock into .venv (PYTHON=name, TORCH=cpu or SYSTEM_TORCH=1)
	@$(PYTHON) envs/install.py --torch-index $(TORCH_INDEX) \
		$(if $(filter 1,$(SYSTEM_TORCH)),--torch system,$(if $(TORCH),--torch $(TORCH))) \
		$(if $(filter-out file,$(origin PYTHON)),--this-python)

run: install  ## run a study and print its main results (STUDY=name CORES=n)
	@$(BIN)/supernet run $(OF_STUDY) --cores $(CORES)

midi: install  ## run study midi: all fourteen heuristics, three seeds, 45 minutes
	@$(BIN)/supernet run --study midi --cores $(CORES)

reproduce: install  ## check the results below results/*.tar.zst and draw them again, without training (STUDY=name CORES=n)
	@$(BIN)/supernet reproduce $(STUDY) --cores $(CORES)

report: install  ## write results/STUDY/report.html and results/STUDY/site/index.html (STUDY=name)
	@$(BIN)/snakemake --cores $(CORES) $(CONFIG_OF_STUDY) -- all site
	@$(BIN)/snakemake --cores $(CORES) $(CONFIG_OF_STUDY) --report results/$(NAME)/report.html -- all site

resume: install  ## on a cluster: continue after Snakemake was killed (ORPHANS=wait or cancel, STUDY=name)
	@$(BIN)/supernet resume $(addprefix --,$(ORPHANS)) -- --profile slurm \
		$(CONFIG_OF_STUDY) -- all

gallery: install  ## copy the figures of a finished study into docs/use/gallery.md (STUDY=name)
	@$(BIN)/supernet gallery --study-file workflow/studies/$(NAME).yaml --results results/$(NAME)

plan: install  ## list what `make run` would train or make again, the causes, and the time it takes (STUDY=name CORES=n)
	@$(BIN)/supernet plan $(OF_STUDY) --cores $(CORES)

archive: install  ## pack the results of a finished study into STUDY.tar.zst (STUDY=name)
	@$(BIN)/supernet archive $(OF_STUDY)

crate: install  ## write a finished study as an RO-Crate, results/STUDY/ro-crate/ (STUDY=name)
	@$(BIN)/supernet crate $(OF_STUDY)

test: install  ## run the tests
	$(BIN)/python -m pytest -n $(CORES) --dist loadfile

test-slurm: install  ## run the failure tests on a SLURM cluster started on this machine (15 minutes, needs root)
	$(BIN)/python -m pytest -m slurm tests/slurm

kills: install  ## kill a small study at 40 random points, resume it, and compare its results
	$(BIN)/python tests/kills

attacks: install  ## attack records, archives, checkpoints and inputs, and compare verdicts with the threat model
	$(BIN)/python tests/attacks

fuzz: install  ## read 10 000 generated files with each reader: none may end in a traceback, hang or fill the memory (an hour)
	$(BIN)/python tests/fuzz --keep build/fuzz

simulate-slurm: install  ## measure jobs per hour with 500 empty trainings on a SLURM cluster started on this machine (needs root)
	$(BIN)/python tests/slurm/simulate.py --no-startups
	$(BIN)/python tests/slurm/simulate.py

test-deps:  ## install the Debian packages that some tests need: LaTeX, Chromium, SLURM (needs root)
	apt-get update -qq && apt-get install -y -qq --no-install-recommends texlive-latex-base texlive-latex-recommended chromium slurm-wlm munge

build: install  ## build the source distribution and the wheel, in build/dist/
	$(BIN)/python -m build --no-isolation --outdir build/dist

lint: install  ## check the code, the rules, the language and the generated docs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow docs/use/module
	$(BIN)/snakemake --lint
	$(BIN)/codespell
	$(BIN)/python docs/lint/prose.py
	$(BIN)/supernet reference --check

format: install  ## format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow docs/use/module

docs: install  ## write the generated pages of docs/reference
	$(BIN)/supernet reference

site-docs: install  ## build the documentation as web pages; broken links are errors
	@$(BIN)/python -m sphinx -b html -c docs -d build/doctrees -W --keep-going --quiet . build/docs
	@echo build/docs/docs/index.html

benchmark: install  ## measure speed and memory against their targets (benchmarks/), half an hour
	@$(BIN)/python -m benchmarks

lock:  ## solve envs/*.in for all Python versions and systems, and write the lock files (network; UPGRADE=1: newest versions)
	$(PYTHON) -m venv --clear .venv-lock && .venv-lock/bin/pip install --quiet --require-hashes --requirement envs/tools.lock
	@for name in requirements tools fuzz; do \
		echo envs/$$name.lock && \
		.venv-lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
			--no-header $(if $(filter 1,$(UPGRADE)),--upgrade) --output-file envs/$$name.lock envs/$$name.in >/dev/null || exit 1; \
	done
	rm -r .venv-lock

lock-torch:  ## write envs/torch-cpu.lock: the hashes of PyTorch's CPU builds, as their index states them (TORCH_INDEX=address)
	@$(PYTHON) envs/install.py --lock-torch --torch-index $(TORCH_INDEX)

lock-conda:  ## solve the conda environments of envs/ and write their lock files (CONDA=solver)
	$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet conda-lock==4.0.3
	@cd envs && for name in torch analysis snakemake; do \
		rm -f $$name.conda-lock.yml && \
		../.venv-lock/bin/conda-lock lock --conda "$(CONDA)" --file $$name.yaml --lockfile $$name.conda-lock.yml \
			--virtual-package-spec virtual-packages.yaml --platform linux-64 && \
		../.venv-lock/bin/conda-lock render --kind explicit --filename-template "$$name.{platform}.pin.txt" \
			$$name.conda-lock.yml || exit 1; \
	done
	rm -r .venv-lock

clean:  ## delete the installation; results are kept
	rm -rf .venv
