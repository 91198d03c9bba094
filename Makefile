# `make run` and `make test` install everything they need into .venv first.
SHELL := /bin/bash
PYTHON ?= python3
CORES ?= $(shell nproc)
STUDY ?= mini
ORPHANS ?=
BIN := .venv/bin
LOCK := envs/requirements.lock
# The solver that conda-lock calls in `make lock-conda`.
CONDA ?= conda

.DEFAULT_GOAL := help
.PHONY: help run midi report gallery test test-deps lint plan format lock lock-conda docs benchmark attacks clean archive crate resume test-slurm simulate-slurm site-docs

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# The stamp holds the hash of the lock file: an edited lock file is installed again, a touched one is not.
.venv/installed: $(LOCK) pyproject.toml
	@if ! grep -qs "$$(sha256sum < $(LOCK))" $@; then \
		echo "Installing $(LOCK) into .venv (about 6 GB, a few minutes)"; \
		$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else "error: $(LOCK) is for Python 3.11, found " + sys.version.split()[0] + "; set PYTHON=python3.11")' \
		&& $(PYTHON) -m venv --clear .venv \
		&& $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement $(LOCK); \
	fi
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@sha256sum < $(LOCK) > $@

run: .venv/installed  ## run a study and print its main results (STUDY=name CORES=n)
	@$(BIN)/supernet run --study $(STUDY) --cores $(CORES)

midi: .venv/installed  ## run study midi: all fourteen heuristics, one seed, 45 minutes
	@$(BIN)/supernet run --study midi --cores $(CORES)

report: .venv/installed  ## write results/STUDY/report.html and results/STUDY/site/index.html (STUDY=name)
	@$(BIN)/snakemake --cores $(CORES) --config study=$(STUDY) -- all site
	@$(BIN)/snakemake --cores $(CORES) --config study=$(STUDY) --report results/$(STUDY)/report.html -- all site

resume: .venv/installed  ## on a cluster: continue after Snakemake was killed (ORPHANS=wait or cancel, STUDY=name)
	@$(BIN)/supernet resume $(addprefix --,$(ORPHANS)) -- --profile slurm \
		$(if $(filter-out file,$(origin STUDY)),--config study=$(STUDY)) -- all

gallery: .venv/installed  ## copy the figures of a finished study into docs/use/gallery.md (STUDY=name)
	@$(BIN)/supernet gallery --study-file workflow/studies/$(STUDY).yaml --results results/$(STUDY)

plan: .venv/installed  ## list the super-nets that `make run` would train, and the time it takes (STUDY=name)
	@$(BIN)/supernet plan --study $(STUDY)

archive: .venv/installed  ## pack the results of a finished study into STUDY.tar.zst (STUDY=name)
	@$(BIN)/supernet archive --study $(STUDY)

crate: .venv/installed  ## write a finished study as an RO-Crate, results/STUDY/ro-crate/ (STUDY=name)
	@$(BIN)/supernet crate --study $(STUDY)

test: .venv/installed  ## run the tests
	$(BIN)/python -m pytest -n $(CORES) --dist loadfile

test-slurm: .venv/installed  ## run the failure tests on a SLURM cluster started on this machine (15 minutes, needs root)
	$(BIN)/python -m pytest -m slurm tests/slurm

attacks: .venv/installed  ## attack records, archives, checkpoints and inputs, and compare verdicts with the threat model
	$(BIN)/python tests/attacks

simulate-slurm: .venv/installed  ## measure jobs per hour with 500 empty trainings on a SLURM cluster started on this machine (needs root)
	$(BIN)/python tests/slurm/simulate.py --no-startups
	$(BIN)/python tests/slurm/simulate.py

test-deps:  ## install the Debian packages that some tests need: LaTeX, Chromium, SLURM (needs root)
	apt-get update -qq && apt-get install -y -qq --no-install-recommends texlive-latex-base texlive-latex-recommended chromium slurm-wlm munge

lint: .venv/installed  ## check the code, the rules, the language and the generated docs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/codespell
	$(BIN)/python docs/lint/prose.py
	$(BIN)/supernet reference --check

format: .venv/installed  ## format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow

docs: .venv/installed  ## write the generated pages of docs/reference
	$(BIN)/supernet reference

site-docs: .venv/installed  ## build the documentation as web pages; broken links are errors
	@$(BIN)/python -m sphinx -b html -c docs -d build/doctrees -W --keep-going --quiet . build/docs
	@echo build/docs/docs/index.html

benchmark: .venv/installed  ## measure speed and memory against their targets (benchmarks/), half an hour
	@$(BIN)/python -m benchmarks

lock: .venv/installed  ## solve envs/requirements.in and write the lock file (minutes, network)
	$(BIN)/python -m venv .venv-lock && .venv-lock/bin/pip install --quiet pip-tools
	.venv-lock/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file=$(LOCK) envs/requirements.in
	rm -r .venv-lock

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
