# Every target sets up what it needs first, and only what is missing.
CONF ?= conf/local.yaml
# Processes that share the tests: each has a Spark session of its own, and wants 5 GiB.
WORKERS ?= 2
PYTHON := .venv/bin/python
ARGUMENTS := --conf-file $(CONF) $(foreach set,$(SET),--set $(set))
NIGHTLY := $(PYTHON) jobs/nightly.py $(ARGUMENTS)

.DEFAULT_GOAL := help
.PHONY: help setup nightly backtest airflow test test-all test-airflow test-cluster test-faults dist check audit bench bench-night bench-simulate bench-topk bench-item-cf bench-growth bench-cases bench-quality bench-train bench-train-gpu bench-score bench-lists bench-truth bench-search bench-text bench-read bench-evaluate bench-planted bench-month bench-ctr bench-page format lock conf clean

help:  ## Shows this list
	@awk -F ':.*##' '/^[a-z-]+:.*##/ {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## Makes .venv ready; does only what is missing
	@scripts/setup.sh

nightly: setup  ## Runs a night: [CONF=conf/my_shop.yaml] [DS=2011-09-30] [SET=item_cf.k=100]
	@$(NIGHTLY) $(if $(DS),--ds $(DS))

backtest: setup  ## Runs the night of DS, reads events up to UNTIL, judges the lists, reports
	@test -n "$(DS)" -a -n "$(UNTIL)" || { echo "make backtest: DS and UNTIL are needed, such as DS=2011-08-31 UNTIL=2011-09-30" >&2; exit 64; }
	@$(NIGHTLY) --ds $(DS) --to recommend
	@$(PYTHON) jobs/ingest.py $(ARGUMENTS) --ds $(UNTIL)
	@$(PYTHON) jobs/evaluate.py $(ARGUMENTS) --ds $(DS)
	@$(PYTHON) jobs/analyse_behaviour.py $(ARGUMENTS) --ds $(DS)
	@$(PYTHON) jobs/report.py $(ARGUMENTS) --ds $(DS)

airflow: setup  ## Runs Airflow on this machine with the DAGs of airflow_dags: [PORT=8080]
	@PORT=$(or $(PORT),8080) scripts/airflow.sh

test: setup  ## Runs every test that takes no long preparation, and says what it left out
	@$(PYTHON) -m pytest -n $(WORKERS) --dist loadfile -m "not (long or airflow or cluster)"

# In the order of the folders: else the longest test, alone in its file, would come last.
test-all: setup  ## Runs every test that this machine can run
	@scripts/airflow.sh install
	@$(PYTHON) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not (airflow or cluster)"
	@$(PYTHON) -m pytest -m "airflow or cluster"

test-airflow: setup  ## Runs the DAGs' tests: whole nights by Airflow
	@scripts/airflow.sh install
	@$(PYTHON) -m pytest tests/dags

test-cluster: setup  ## Runs the tests on a Spark cluster, an HDFS and a metastore on this machine
	@$(PYTHON) -m pytest -m cluster

test-faults: setup  ## Runs the fault tests only: real processes killed, bad input
	@$(PYTHON) -m pytest -m faults

dist: setup  ## Builds what a cluster is given: dist/ [GPU=no]
	@GPU=$(GPU) scripts/dist.sh all $(PYTHON)

check: setup  ## Lints, checks format and types, and the order of the layers
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

audit: setup  ## Looks the locked packages up among known vulnerabilities; asks the network
	@scripts/audit.sh

bench: setup  ## Runs every bench, for hours, and writes docs/benchmarks.md
	@$(PYTHON) bench/every.py

bench-night: setup  ## Measures a night of a million events: bench/results/night.json
	@$(PYTHON) bench/night.py

bench-simulate: setup  ## Measures how the simulated shop is made: bench/results/simulate.json
	@$(PYTHON) bench/simulate.py

bench-item-cf: setup  ## Measures item-CF beside implicit and RePlay: bench/results/item_cf.json
	@$(PYTHON) bench/item_cf.py

bench-growth: setup  ## Measures item-CF on 1 to 100 million pairs: bench/results/item_cf_growth.json
	@$(PYTHON) bench/item_cf_growth.py

bench-cases: setup  ## Measures item-CF with a robot, on a next night, on two executors: bench/results/item_cf_cases.json
	@$(PYTHON) bench/item_cf_cases.py

bench-train: setup  ## Measures how fast the ranking model trains: bench/results/train.json
	@$(PYTHON) bench/train.py

bench-train-gpu: setup  ## Measures training on a GPU: bench/results/train_gpu.json
	@$(PYTHON) bench/train_gpu.py

bench-score: setup  ## Measures how fast Spark scores by the ranking model: bench/results/score.json
	@$(PYTHON) bench/score.py

bench-lists: setup  ## Measures the ranked lists beside item-CF alone: bench/results/lists.json
	@$(PYTHON) bench/lists.py

bench-truth: setup  ## Measures the lists by the simulated shop's planted truth: bench/results/truth.json
	@$(PYTHON) bench/truth.py

bench-search: setup  ## Measures how search orders results: bench/results/search.json
	@$(PYTHON) bench/search.py

bench-text: setup  ## Measures what the text model costs and is worth: bench/results/text.json
	@$(PYTHON) bench/text.py

bench-read: setup  ## Measures how long one user's list is waited for: bench/results/read.json
	@$(PYTHON) bench/read.py

bench-evaluate: setup  ## Measures how fast lists are judged: bench/results/evaluate.json
	@$(PYTHON) bench/evaluate.py

bench-planted: setup  ## Shows what gates and reports make of a shop that changes: bench/results/planted.json
	@$(PYTHON) bench/planted.py

bench-month: setup  ## Measures the report after thirty nights: bench/results/month.json
	@$(PYTHON) bench/month.py

bench-page: setup  ## Writes docs/benchmarks.md from bench/results
	@$(PYTHON) bench/page.py

bench-quality: setup  ## Measures item-CF's lists on MovieLens: bench/results/quality.json
	@$(PYTHON) bench/quality.py

bench-ctr: setup  ## Measures click models beside FuxiCTR and RecBole: bench/results/ctr.json
	@$(PYTHON) bench/ctr.py

bench-topk: setup  ## Measures top-100 retrieval beside Spark's ALS: bench/results/topk.json
	@$(PYTHON) bench/topk.py

format: setup  ## Formats the code
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

lock:  ## Resolves setup.py's pins again into requirements.lock
	@scripts/lock.sh

conf: setup  ## Writes conf/base.yaml from the definitions in lib/nightshelf/config
	@$(PYTHON) -m nightshelf.config > conf/base.yaml

clean:  ## Removes .venv and ./warehouse
	rm -rf .venv warehouse
